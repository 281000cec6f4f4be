import { CtError, getLogger, plural } from "@classifier-training/base";
import type { nn, Tensor } from "@classifier-training/torch";
import { freezeStages, type ImageModel, parametersByStage } from "@classifier-training/vision";
import type { ClassificationModelOptions } from "./options.ts";

const log = getLogger("classifier.model");

export function hasStages(network: object): network is ImageModel {
  return Array.isArray((network as { stages?: unknown }).stages);
}

/**
 * The network as one with stages.
 * @param option what needs them
 * @throws CtError for a network that has none
 */
export function withStages(network: nn.Module, name: string, option: string): ImageModel {
  if (hasStages(network)) return network;
  throw new CtError({
    code: "classifier/stages",
    what: `model.${option}: expected a network with stages, received '${name}', which has none`,
    where: `model.${option}`,
    fix: `leave model.${option} out, or give the class of the network \`stages\`, as an ImageModel has them`,
  });
}

/**
 * The stages that are frozen, and when: their parameters take no gradient, and their batch norms keep their statistics.
 * Which they are follows from the epoch alone, so that a resumed run needs no state.
 */
export class FrozenStages {
  readonly #network: ImageModel;
  /** In the order of the data. */
  readonly #names: readonly string[];
  readonly #every: number | null;
  #frozen = "";

  private constructor(network: ImageModel, names: readonly string[], every: number | null) {
    this.#network = network;
    this.#names = names;
    this.#every = every;
  }

  /** Freezes what is frozen at first; undefined where nothing ever is. @throws CtError for unknown stages */
  static of(
    network: nn.Module,
    { freeze: given, unfreeze, pretrained, weights }: ClassificationModelOptions,
    name: string,
  ): FrozenStages | undefined {
    if (given === "features" && unfreeze !== null) {
      throw new CtError({
        code: "classifier/features",
        what: "model.freeze=features computes the features once: no stage can be trained later",
        where: "model.unfreeze",
        fix: "leave out model.unfreeze, or use model.freeze=all",
      });
    }
    const freeze = given === "features" ? null : (given ?? (unfreeze === null ? null : "all"));
    if (freeze === null || freeze === 0 || (Array.isArray(freeze) && freeze.length === 0)) return undefined;
    const staged = withStages(network, name, given === null ? "unfreeze" : "freeze");
    const names = chosenStages(
      freeze,
      staged.stages.map((stage) => stage.name),
    );
    if (pretrained === false && weights === null && unfreeze === null) {
      log.warning(`model.freeze without pretrained weights: ${names.join(", ")} keep their random ones`);
    }
    const frozen = new FrozenStages(staged, names, unfreeze);
    frozen.apply(0);
    return frozen;
  }

  /** Freezes and thaws as an epoch, from 0, has it. */
  apply(epoch: number): void {
    const thawed = this.#every === null ? 0 : Math.floor(epoch / this.#every);
    const frozen = this.#names.slice(0, Math.max(0, this.#names.length - thawed));
    const trainable = freezeStages(this.#network, frozen);
    if (this.#every !== null && frozen.join() !== this.#frozen && epoch > 0) {
      const what = frozen.length === 0 ? "all stages train" : `${frozen.join(", ")} frozen`;
      log.info(`Epoch ${epoch + 1}: ${what}, ${plural(trainable, "trainable parameter")}`);
    }
    this.#frozen = frozen.join();
  }

  /** Runs with everything thawed that will be, as an optimizer has to see it. */
  thawed<T>(epoch: number, run: () => T): T {
    if (this.#every === null) return run();
    freezeStages(this.#network, "none");
    try {
      return run();
    } finally {
      this.apply(epoch);
    }
  }

  /** Parameters that are never trained. */
  get permanent(): ReadonlySet<Tensor> {
    const stages = this.#every === null ? parametersByStage(this.#network) : [];
    const frozen = stages.filter(({ name }) => this.#names.includes(name));
    return new Set(frozen.flatMap(({ parameters }) => parameters.map(([, parameter]) => parameter)));
  }

  get isGradual(): boolean {
    return this.#every !== null;
  }
}

/** Leaves only the head to train. */
export function freezeAllBut(head: nn.AnyModule, network: nn.AnyModule): void {
  network.requiresGrad_(false);
  head.requiresGrad_(true);
}

/** @throws CtError for more stages than there are; `freezeStages` names those that it does not know */
function chosenStages(freeze: "all" | number | readonly string[], all: readonly string[]): readonly string[] {
  if (freeze === "all") return all;
  if (typeof freeze !== "number") {
    const known = all.filter((name) => freeze.includes(name));
    return [...known, ...freeze.filter((name) => !all.includes(name))];
  }
  if (freeze <= all.length) return all.slice(0, freeze);
  throw new CtError({
    code: "classifier/stages",
    what: `model.freeze: expected at most ${plural(all.length, "stage")}, received ${freeze}`,
    where: "model.freeze",
    fix: `the stages are: ${all.join(", ")}`,
  });
}
