import { getLogger } from "@classifier-training/base";
import type { Callback, CallbackHook, HookArguments } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { type Awaitable, isPromise } from "../utilities/awaitable.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import type { LoggerConnector } from "./logger-connector.ts";

/**
 * Hooks after which a run can be saved: a callback that fails there must not keep others from counting the batch, or
 * choosing the best checkpoint, before the run is saved and ends.
 */
const concluding: ReadonlySet<CallbackHook> = new Set(["onTrainBatchEnd", "onValidationEnd", "onTrainEpochEnd"]);

const log = getLogger("lightning.callbacks");

type AnyHook = (...args: readonly unknown[]) => Awaitable<unknown>;
type ModuleHook = Extract<keyof LightningModule, string>;

/**
 * Calls hooks in Lightning's order: callbacks in theirs, then the module's own. A hook that is not overridden costs
 * one look-up, and one that is synchronous no turn of the event loop.
 */
export class HookCaller {
  readonly #trainer: TrainerView;
  readonly #log: LoggerConnector;
  #callbacks: readonly Callback[] = [];
  #module: LightningModule | undefined;
  #table = new Map<string, readonly Callback[]>();
  /** Callbacks whose failure was reported. */
  readonly #failed = new WeakSet<Callback>();
  #observer: ((owner: string, hook: string, start: boolean) => void) | undefined;

  constructor(trainer: TrainerView, log: LoggerConnector) {
    this.#trainer = trainer;
    this.#log = log;
  }

  connect(module: LightningModule, callbacks: readonly Callback[]): void {
    this.#module = module;
    this.#callbacks = callbacks;
    this.#table = new Map();
  }

  /** Called before and after each hook: the profiler. */
  observe(observer: ((owner: string, hook: string, start: boolean) => void) | undefined): void {
    this.#observer = observer;
  }

  #overriding(hook: CallbackHook): readonly Callback[] {
    let list = this.#table.get(hook);
    if (list === undefined) {
      list = this.#callbacks.filter((callback) => typeof callback[hook] === "function");
      this.#table.set(hook, list);
    }
    return list;
  }

  /** Calls a hook of the callbacks. */
  callbacks<H extends CallbackHook>(hook: H, ...args: HookArguments<H>): Awaitable<void> {
    return this.#run(this.#overriding(hook), hook, args);
  }

  /** Calls it for those that watch metrics, or for the others. */
  callbacksWhere<H extends CallbackHook>(monitoring: boolean, hook: H, ...args: HookArguments<H>): Awaitable<void> {
    const list = this.#overriding(hook).filter((callback) => callback.monitorsMetrics === monitoring);
    return this.#run(list, hook, args);
  }

  #run(list: readonly Callback[], hook: CallbackHook, args: readonly unknown[]): Awaitable<void> {
    if (list.length === 0) return;
    if (concluding.has(hook)) return this.#conclude(list, hook, args);
    const previous = this.#log.enterHook(hook);
    for (let i = 0; i < list.length; i++) {
      const result = this.#invoke(list[i] as Callback, hook, args);
      if (isPromise(result)) return this.#continue(result, list, i + 1, hook, args, previous);
    }
    this.#log.leaveHook(previous);
  }

  /** Whatever one of them throws, the others conclude what was done; then the first error is thrown. */
  #conclude(list: readonly Callback[], hook: CallbackHook, args: readonly unknown[]): Awaitable<void> {
    const errors: unknown[] = [];
    const next = (from: number): Awaitable<void> => {
      for (let i = from; i < list.length; i++) {
        const previous = this.#log.enterHook(hook);
        try {
          const result = this.#invoke(list[i] as Callback, hook, args);
          if (isPromise(result))
            return result
              .catch((error: unknown) => this.#note(error, errors))
              .then(() => this.#log.leaveHook(previous))
              .then(() => next(i + 1));
        } catch (error) {
          this.#note(error, errors);
        }
        this.#log.leaveHook(previous);
      }
      if (errors.length > 0) throw errors[0];
    };
    return next(0);
  }

  /** @throws the error, when it says that the configuration is wrong: nothing that follows could be right */
  #note(error: unknown, errors: unknown[]): void {
    if (error instanceof MisconfigurationError) throw error;
    errors.push(error);
  }

  async #continue(
    pending: Awaitable<unknown>,
    list: readonly Callback[],
    from: number,
    hook: CallbackHook,
    args: readonly unknown[],
    previous: string | undefined,
  ): Promise<void> {
    await pending;
    for (const callback of list.slice(from)) await this.#invoke(callback, hook, args);
    this.#log.leaveHook(previous);
  }

  #invoke(callback: Callback, hook: CallbackHook, args: readonly unknown[]): Awaitable<unknown> {
    const run = () =>
      (callback[hook] as AnyHook).call(callback, this.#trainer, this.#module as LightningModule, ...args);
    const fenced = callback.reportsOnly ? () => this.#fenced(callback, hook, run) : run;
    return this.#observer === undefined ? fenced() : this.#observed(callback.constructor.name, hook, fenced);
  }

  /** What only reports does not end a training, as a logger does not. */
  #fenced(callback: Callback, hook: CallbackHook, run: () => Awaitable<unknown>): Awaitable<unknown> {
    const report = (error: unknown): void => {
      if (error instanceof MisconfigurationError) throw error;
      if (this.#failed.has(callback)) return;
      this.#failed.add(callback);
      const reason = error instanceof Error ? error.message : String(error);
      log.warning(`${callback.constructor.name}.${hook} failed, training continues without its report: ${reason}`);
    };
    try {
      const result = run();
      return isPromise(result) ? result.catch(report) : result;
    } catch (error) {
      return report(error);
    }
  }

  #observed(owner: string, hook: string, run: () => Awaitable<unknown>): Awaitable<unknown> {
    const observer = this.#observer;
    observer?.(owner, hook, true);
    const result = run();
    if (isPromise(result)) return result.finally(() => observer?.(owner, hook, false));
    observer?.(owner, hook, false);
    return result;
  }

  /** Calls a method of the module, if it has it, and returns what it returns. */
  module(hook: ModuleHook, ...args: readonly unknown[]): Awaitable<unknown> {
    const module = this.#module;
    const method = module?.[hook] as AnyHook | undefined;
    if (typeof method !== "function") return undefined;
    const previous = this.#log.enterHook(hook);
    const run = () => method.call(module, ...args);
    const result = this.#observer === undefined ? run() : this.#observed("LightningModule", hook, run);
    if (isPromise(result)) {
      return result.then((value) => {
        this.#log.leaveHook(previous);
        return value;
      });
    }
    this.#log.leaveHook(previous);
    return result;
  }

  /** Calls a hook of the callbacks, then the module's of the same name. */
  async both<H extends CallbackHook & ModuleHook>(hook: H, ...args: HookArguments<H>): Promise<unknown> {
    if (concluding.has(hook)) {
      let result: unknown;
      await concludeAll([
        () => this.callbacks(hook, ...args),
        async () => {
          result = await this.module(hook, ...args);
        },
      ]);
      return result;
    }
    const callbacks = this.callbacks(hook, ...args);
    if (callbacks !== undefined) await callbacks;
    return this.module(hook, ...args);
  }

  /** The hooks at the end of a training epoch: what watches metrics comes last, after the module has logged its own. */
  async trainEpochEnd(beforeMonitors: () => Promise<void>): Promise<void> {
    await concludeAll([
      () => this.callbacksWhere(false, "onTrainEpochEnd"),
      () => this.module("onTrainEpochEnd"),
      beforeMonitors,
      () => this.callbacksWhere(true, "onTrainEpochEnd"),
    ]);
  }
}

/** Runs all, and then throws the first error; at once one that says that the configuration is wrong. */
async function concludeAll(steps: readonly (() => Awaitable<unknown>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      if (error instanceof MisconfigurationError) throw error;
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
