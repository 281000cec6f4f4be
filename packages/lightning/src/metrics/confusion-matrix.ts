import { parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { labeled, type MetricInput } from "./input.ts";
import { Metric } from "./metric.ts";

export const confusionMatrixOptionsSchema = z.strictObject({
  numClasses: z.int().min(1).describe("number of classes"),
  ignoreIndex: z.int().nullable().default(null).describe("samples with this label are left out"),
  normalize: z
    .enum(["none", "true", "pred", "all"])
    .nullable()
    .default(null)
    .describe("divide by the row's (true), the column's (pred) or the whole sum (all)"),
});

export type ConfusionMatrixOptions = z.input<typeof confusionMatrixOptionsSchema>;

/** How often each class (row) was predicted as each class (column). */
export class MulticlassConfusionMatrix extends Metric<number[][], [preds: MetricInput, target: MetricInput]> {
  readonly options: z.output<typeof confusionMatrixOptionsSchema>;
  protected readonly reductions = { matrix: "sum" } as const;

  constructor(options: ConfusionMatrixOptions) {
    super();
    this.options = parseOptions("MulticlassConfusionMatrix", confusionMatrixOptionsSchema, options);
  }

  protected measure(predsInput: MetricInput, targetInput: MetricInput) {
    const { numClasses: K, ignoreIndex } = this.options;
    const { preds, target } = labeled(predsInput, targetInput, K, ignoreIndex);
    const matrix = new Float64Array(K * K);
    for (let i = 0; i < target.length; i++) {
      const at = (target[i] as number) * K + (preds[i] as number);
      matrix[at] = (matrix[at] as number) + 1;
    }
    return { matrix };
  }

  protected evaluate({ matrix }: Readonly<Record<string, Float64Array | undefined>>): number[][] {
    const { numClasses: K, normalize } = this.options;
    const rows = Array.from({ length: K }, (_, k) =>
      Array.from(matrix?.subarray(k * K, (k + 1) * K) ?? Array(K).fill(0)),
    );
    if (normalize === null || normalize === "none") return rows;
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    const rowSums = rows.map(sum);
    const columnSums = rows.map((_, c) => sum(rows.map((row) => row[c] as number)));
    const all = sum(rowSums);
    return rows.map((row, r) =>
      row.map((value, c) => {
        const by = (normalize === "true" ? rowSums[r] : normalize === "pred" ? columnSums[c] : all) as number;
        return by === 0 ? 0 : value / by;
      }),
    );
  }
}
