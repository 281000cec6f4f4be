import { parseOptions, Rng } from "@classifier-training/base";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { RandomSampler } from "./basic.ts";
import type { Sampler } from "./sampler.ts";

/** Samples with replacement, each index with a probability in proportion to its weight. */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly weights: Float64Array;
  readonly #seed: number;
  readonly #replacement: boolean;
  /** The order of the last epoch, for the report of the classes actually seen. */
  lastOrder: Int32Array | undefined;

  /** @param options.replacement false: no sample twice in an epoch */
  constructor(weights: ArrayLike<number>, options: { numSamples?: number; seed?: number; replacement?: boolean } = {}) {
    this.weights = Float64Array.from(weights);
    this.length = options.numSamples ?? this.weights.length;
    this.#seed = options.seed ?? 0;
    this.#replacement = options.replacement ?? true;
    const bad = this.weights.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
    if (bad >= 0)
      throw weightError(
        `weight of sample ${bad}: expected a finite number of at least 0, received ${this.weights[bad]}`,
        "correct the weights",
      );
    if (this.weights.every((weight) => weight === 0))
      throw weightError("weights: expected a positive one, received only 0", "correct the weights");
    const candidates = this.weights.reduce((count, weight) => count + (weight > 0 ? 1 : 0), 0);
    if (!this.#replacement && this.length > candidates)
      throw weightError(
        `${this.length} samples without replacement from ${candidates} with a positive weight`,
        "lower num_samples, or sample with replacement",
      );
  }

  order(epoch: number): Int32Array {
    const rng = Rng.at(this.#seed, epoch, "sampler");
    this.lastOrder = this.#replacement ? this.#withReplacement(rng) : this.#withoutReplacement(rng);
    return this.lastOrder;
  }

  #withReplacement(rng: Rng): Int32Array {
    const { alias, fraction } = aliasTable(this.weights);
    const order = new Int32Array(this.length);
    for (let i = 0; i < order.length; i++) {
      const column = rng.integer(alias.length);
      order[i] = rng.uniform() < (fraction[column] as number) ? column : (alias[column] as number);
    }
    return order;
  }

  /** The largest keys u^(1/w), best first: as if sampled one after the other (Efraimidis and Spirakis 2006). */
  #withoutReplacement(rng: Rng): Int32Array {
    const keys = this.weights.map((weight) => Math.log(1 - rng.uniform()) / weight);
    const order = Int32Array.from(keys.keys()).filter((i) => (this.weights[i] as number) > 0);
    return order.sort((a, b) => (keys[b] as number) - (keys[a] as number)).slice(0, this.length);
  }
}

/** Walker's alias method: constant time per sample. */
function aliasTable(weights: Float64Array): { alias: Int32Array; fraction: Float64Array } {
  const n = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const fraction = weights.map((weight) => (weight * n) / total);
  const alias = Int32Array.from({ length: n }, (_, i) => i);
  const small: number[] = [];
  const large: number[] = [];
  for (const [i, value] of fraction.entries()) (value < 1 ? small : large).push(i);
  while (small.length > 0 && large.length > 0) {
    const less = small.pop() as number;
    const more = large[large.length - 1] as number;
    alias[less] = more;
    fraction[more] = (fraction[more] as number) - (1 - (fraction[less] as number));
    if ((fraction[more] as number) < 1) small.push(large.pop() as number);
  }
  // What is left differs from 1 by rounding only.
  for (const i of [...small, ...large]) fraction[i] = 1;
  return { alias, fraction };
}

export const classSamplerOptionsSchema = z.strictObject({
  /** `disabled`: every sample once, shuffled. `auto`: classes equally often. `manual`: by `classWeights`. */
  mode: z.enum(["disabled", "auto", "manual"]).default("disabled"),
  /** Weight of each class by name, for `manual`; every class needs one. */
  classWeights: z.record(z.string(), z.number().min(0, "must not be negative")).nullish(),
  /** Samples per epoch; the number of samples by default. */
  numSamples: z.number().int().min(1).nullish(),
  /** Whether a sample may occur twice in an epoch. */
  replacement: z.boolean().default(true),
  seed: z.number().int().default(0),
});

/** What a sampler needs to know of a dataset. */
export interface Labeled {
  readonly targets: Int32Array;
  /** Of a multilabel dataset: the classes of all samples, one after the other, and those of one. */
  readonly labelSets?: { readonly classes: Int32Array; of(index: number): Int32Array } | undefined;
  readonly classToIdx: ReadonlyMap<string, number>;
}

/**
 * The training sampler of a configuration: shuffled, or weighted by class. With `auto` the weight of a sample is the
 * inverse of its class's frequency. Of several classes the one of the largest weight counts; with `auto`, samples of no
 * class are a class of their own, with `manual` they weigh 1.
 */
export function classSampler(dataset: Labeled, options: z.input<typeof classSamplerOptionsSchema> = {}): Sampler {
  const { mode, classWeights, numSamples, replacement, seed } = parseOptions(
    "classSampler",
    classSamplerOptionsSchema,
    options,
  );
  const { targets, labelSets } = dataset;
  if (mode === "disabled") return new RandomSampler(targets.length, { seed });
  const perClass = mode === "auto" ? inverseFrequencies(dataset) : manualWeights(dataset, classWeights ?? {});
  const ofNone = mode === "auto" ? 1 / Math.max(1, targets.filter((target) => target < 0).length) : 1;
  const weightOf = (target: number, i: number) =>
    labelSets === undefined || target < 0
      ? (perClass[target] ?? ofNone)
      : labelSets.of(i).reduce((largest, label) => Math.max(largest, perClass[label] as number), 0);
  const weights = Float64Array.from(targets, weightOf);
  return new WeightedRandomSampler(weights, { seed, replacement, ...(numSamples == null ? {} : { numSamples }) });
}

function inverseFrequencies({ targets, labelSets, classToIdx }: Labeled): number[] {
  const counts = new Array<number>(classToIdx.size).fill(0);
  for (const target of labelSets?.classes ?? targets) counts[target]!++;
  return counts.map((count) => (count === 0 ? 0 : 1 / count));
}

function manualWeights({ classToIdx }: Labeled, weights: Readonly<Record<string, number>>): number[] {
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
