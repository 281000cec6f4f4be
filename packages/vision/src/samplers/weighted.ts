import { parseOptions, Rng } from "@classifier-training/base";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { RandomSampler } from "./basic.ts";
import type { Sampler } from "./sampler.ts";

/** Draws samples with replacement, each with a probability in proportion to its weight. */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly weights: Float64Array;
  readonly #seed: number;
  readonly #replacement: boolean;
  /** What was drawn in the last epoch that was asked for, for the report of the classes actually seen. */
  lastDrawn: Int32Array | undefined;

  /** @param options.replacement false: no sample twice in an epoch */
  constructor(weights: ArrayLike<number>, options: { numSamples?: number; seed?: number; replacement?: boolean } = {}) {
    this.weights = Float64Array.from(weights);
    this.length = options.numSamples ?? this.weights.length;
    this.#seed = options.seed ?? 0;
    this.#replacement = options.replacement ?? true;
    const bad = this.weights.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
    if (bad >= 0)
      throw weightError(`the weight of sample ${bad} is ${this.weights[bad]}`, "weights must not be negative");
    if (this.weights.every((weight) => weight === 0))
      throw weightError("all weights are 0", "give some sample a weight");
    const drawable = this.weights.reduce((count, weight) => count + (weight > 0 ? 1 : 0), 0);
    if (!this.#replacement && this.length > drawable)
      throw weightError(
        `${this.length} draws without replacement from ${drawable} samples that have a weight`,
        "lower num_samples, or draw with replacement",
      );
  }

  order(epoch: number): Int32Array {
    const rng = Rng.at(this.#seed, epoch, "sampler");
    this.lastDrawn = this.#replacement ? this.#drawEach(rng) : this.#drawOnce(rng);
    return this.lastDrawn;
  }

  #drawEach(rng: Rng): Int32Array {
    const { alias, share } = aliasTable(this.weights);
    const drawn = new Int32Array(this.length);
    for (let i = 0; i < drawn.length; i++) {
      const column = rng.integer(alias.length);
      drawn[i] = rng.uniform() < (share[column] as number) ? column : (alias[column] as number);
    }
    return drawn;
  }

  /** The largest keys u^(1/w), best first: as if drawn one after the other (Efraimidis and Spirakis 2006). */
  #drawOnce(rng: Rng): Int32Array {
    const keys = this.weights.map((weight) => Math.log(1 - rng.uniform()) / weight);
    const order = Int32Array.from(keys.keys()).filter((i) => (this.weights[i] as number) > 0);
    return order.sort((a, b) => (keys[b] as number) - (keys[a] as number)).slice(0, this.length);
  }
}

/** Walker's alias method: constant time per draw. */
function aliasTable(weights: Float64Array): { alias: Int32Array; share: Float64Array } {
  const n = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const share = weights.map((weight) => (weight * n) / total);
  const alias = Int32Array.from({ length: n }, (_, i) => i);
  const small: number[] = [];
  const large: number[] = [];
  for (const [i, value] of share.entries()) (value < 1 ? small : large).push(i);
  while (small.length > 0 && large.length > 0) {
    const less = small.pop() as number;
    const more = large[large.length - 1] as number;
    alias[less] = more;
    share[more] = (share[more] as number) - (1 - (share[less] as number));
    if ((share[more] as number) < 1) small.push(large.pop() as number);
  }
  // What is left differs from 1 by rounding only.
  for (const i of [...small, ...large]) share[i] = 1;
  return { alias, share };
}

export const classSamplerOptionsSchema = z.strictObject({
  /** `disabled`: every sample once, shuffled. `auto`: classes equally often. `manual`: by `classWeights`. */
  mode: z.enum(["disabled", "auto", "manual"]).default("disabled"),
  /** Weight of each class by name, for `manual`; every class needs one. */
  classWeights: z.record(z.string(), z.number().min(0, "must not be negative")).nullish(),
  /** Draws per epoch; the number of samples by default. */
  numSamples: z.number().int().min(1).nullish(),
  /** Whether a sample may be drawn twice in an epoch. */
  replacement: z.boolean().default(true),
  seed: z.number().int().default(0),
});

/** What a sampler needs to know of a dataset. */
export interface Labelled {
  readonly targets: Int32Array;
  readonly classToIdx: ReadonlyMap<string, number>;
}

/**
 * The training sampler of a configuration: shuffled, or weighted by class. With `auto` the weight of a sample is the
 * inverse of its class's frequency.
 */
export function classSampler(dataset: Labelled, options: z.input<typeof classSamplerOptionsSchema> = {}): Sampler {
  const { mode, classWeights, numSamples, replacement, seed } = parseOptions(
    "classSampler",
    classSamplerOptionsSchema,
    options,
  );
  const { targets } = dataset;
  if (mode === "disabled") return new RandomSampler(targets.length, { seed });
  const perClass = mode === "auto" ? inverseFrequencies(dataset) : manualWeights(dataset, classWeights ?? {});
  const weights = Float64Array.from(targets, (target) => perClass[target] as number);
  return new WeightedRandomSampler(weights, { seed, replacement, ...(numSamples == null ? {} : { numSamples }) });
}

function inverseFrequencies({ targets, classToIdx }: Labelled): number[] {
  const counts = new Array<number>(classToIdx.size).fill(0);
  for (const target of targets) counts[target]!++;
  return counts.map((count) => (count === 0 ? 0 : 1 / count));
}

function manualWeights({ classToIdx }: Labelled, weights: Readonly<Record<string, number>>): number[] {
  const names = [...classToIdx.keys()];
  const missing = names.filter((name) => weights[name] === undefined);
  const unknown = Object.keys(weights).filter((name) => !classToIdx.has(name));
  if (missing.length > 0)
    throw weightError(`class_weights has no weight for ${missing.join(", ")}`, "name every class");
  if (unknown.length > 0) {
    throw weightError(
      `class_weights names classes that do not exist: ${unknown.join(", ")}`,
      `classes: ${names.join(", ")}`,
    );
  }
  return names.map((name) => weights[name] as number);
}

function weightError(what: string, fix: string): VisionError {
  return new VisionError({ code: "vision/sampler-weights", what, fix });
}
