import { parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { bestClasses, type MetricInput, probabilities, scored, values } from "./input.ts";
import { Metric } from "./metric.ts";

export const calibrationErrorOptionsSchema = z.strictObject({
  numClasses: z.int().min(2).describe("number of classes"),
  nBins: z.int().min(1).default(15).describe("equal bins of the confidence, 0 to 1"),
  norm: z.enum(["l1", "l2", "max"]).default("l1").describe("l1: expected calibration error; max: the worst bin's"),
  ignoreIndex: z.int().nullable().default(null).describe("samples with this label are left out"),
});

export type CalibrationErrorOptions = z.input<typeof calibrationErrorOptionsSchema>;

/**
 * How far confidence is from accuracy, by bins of the confidence: ECE = sum_b n_b/n |acc_b - conf_b| (Guo et al., "On
 * Calibration of Modern Neural Networks", 2017). Scores outside [0, 1] are taken as logits.
 */
export class MulticlassCalibrationError extends Metric<number, [preds: MetricInput, target: MetricInput]> {
  readonly options: z.output<typeof calibrationErrorOptionsSchema>;
  protected readonly reductions = { count: "sum", confidence: "sum", right: "sum" } as const;
  readonly #limits: Float32Array;

  constructor(options: CalibrationErrorOptions) {
    super();
    this.options = parseOptions("MulticlassCalibrationError", calibrationErrorOptionsSchema, options);
    this.#limits = linspace(this.options.nBins + 1);
  }

  protected measure(preds: MetricInput, target: MetricInput) {
    const { numClasses, ignoreIndex } = this.options;
    const batch = probabilities(scored(values(preds), values(target), numClasses, ignoreIndex));
    const best = bestClasses(batch);
    // A confidence of exactly 1 has a bin of its own, as in torchmetrics.
    const bins = this.#limits.length;
    const state = { count: new Float64Array(bins), confidence: new Float64Array(bins), right: new Float64Array(bins) };
    for (let n = 0; n < batch.count; n++) {
      const confidence = Math.fround(batch.scores[n * numClasses + (best[n] as number)] as number);
      const bin = this.#binOf(confidence);
      state.count[bin] = (state.count[bin] as number) + 1;
      state.confidence[bin] = (state.confidence[bin] as number) + confidence;
      if (best[n] === batch.target[n]) state.right[bin] = (state.right[bin] as number) + 1;
    }
    return state;
  }

  protected evaluate({ count, confidence, right }: Readonly<Record<string, Float64Array | undefined>>): number {
    if (count === undefined || confidence === undefined || right === undefined) return 0;
    const total = count.reduce((a, b) => a + b, 0);
    const gaps = Array.from(count, (n, b) =>
      n === 0 ? 0 : Math.abs((right[b] as number) - (confidence[b] as number)) / n,
    );
    const { norm } = this.options;
    if (norm === "max") return Math.max(...gaps);
    const weighted = gaps.reduce(
      (sum, gap, b) => sum + (norm === "l1" ? gap : gap * gap) * ((count[b] as number) / total),
      0,
    );
    if (norm === "l1") return weighted;
    // Without samples the fraction of each bin is NaN, and the result 0.
    return weighted > 0 ? Math.sqrt(weighted) : 0;
  }

  #binOf(confidence: number): number {
    let bin = Math.min(this.#limits.length - 1, Math.floor(confidence * this.options.nBins) + 1);
    while (bin > 0 && (this.#limits[bin] as number) > confidence) bin--;
    return bin;
  }
}

/** `steps` numbers from 0 to 1 in float32, computed from both ends as torch.linspace does. */
export function linspace(steps: number): Float32Array {
  const step = Math.fround(1 / (steps - 1));
  return Float32Array.from({ length: steps }, (_, i) => (i < steps / 2 ? i * step : 1 - step * (steps - 1 - i)));
}
