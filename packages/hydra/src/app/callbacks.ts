import { getLogger } from "@classifier-training/base";
import { DictConfig } from "../omegaconf/containers.ts";
import { selectNode } from "../omegaconf/select.ts";
import type { JobReturn } from "./task.ts";

/** What `hydra.callbacks` may hold: each method is called at its moment, with the whole configuration. */
export interface HydraCallback {
  onRunStart?(config: DictConfig): void | Promise<void>;
  onRunEnd?(config: DictConfig, job: JobReturn): void | Promise<void>;
  onMultirunStart?(config: DictConfig): void | Promise<void>;
  onMultirunEnd?(config: DictConfig): void | Promise<void>;
  onJobStart?(config: DictConfig, task: unknown): void | Promise<void>;
  onJobEnd?(config: DictConfig, job: JobReturn): void | Promise<void>;
}

/** The callbacks of a configuration. One that fails is warned about: it never fails the job. */
export class Callbacks {
  readonly #callbacks: readonly HydraCallback[];

  constructor(callbacks: readonly HydraCallback[]) {
    this.#callbacks = callbacks;
  }

  /** Instantiates `hydra.callbacks`. */
  static async of(config: DictConfig): Promise<Callbacks> {
    const node = selectNode(config, "hydra.callbacks");
    if (!(node instanceof DictConfig) || node.size === 0) return new Callbacks([]);
    const { instantiate } = await import("../instantiate/index.ts");
    const callbacks: HydraCallback[] = [];
    for (const child of node.nodes()) callbacks.push((await instantiate(child as DictConfig)) as HydraCallback);
    return new Callbacks(callbacks);
  }

  onRunStart(config: DictConfig): Promise<void> {
    return this.#notify("onRunStart", (callback) => callback.onRunStart?.(config));
  }

  onRunEnd(config: DictConfig, job: JobReturn): Promise<void> {
    return this.#notify("onRunEnd", (callback) => callback.onRunEnd?.(config, job), true);
  }

  onMultirunStart(config: DictConfig): Promise<void> {
    return this.#notify("onMultirunStart", (callback) => callback.onMultirunStart?.(config));
  }

  onMultirunEnd(config: DictConfig): Promise<void> {
    return this.#notify("onMultirunEnd", (callback) => callback.onMultirunEnd?.(config), true);
  }

  onJobStart(config: DictConfig, task: unknown): Promise<void> {
    return this.#notify("onJobStart", (callback) => callback.onJobStart?.(config, task));
  }

  onJobEnd(config: DictConfig, job: JobReturn): Promise<void> {
    return this.#notify("onJobEnd", (callback) => callback.onJobEnd?.(config, job), true);
  }

  async #notify(moment: string, call: (callback: HydraCallback) => void | Promise<void>, reverse = false) {
    for (const callback of reverse ? [...this.#callbacks].reverse() : this.#callbacks) {
      try {
        await call(callback);
      } catch (error) {
        const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        getLogger("hydra").warning(`Callback ${callback.constructor.name}.${moment} raised ${text}`);
      }
    }
  }
}
