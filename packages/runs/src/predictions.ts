import { CtError, csvText, parseCsv, readRegularFile, writeFileAtomic } from "@classifier-training/base";
import { z } from "zod";

/** A row of `predictions.csv`: what a model predicted for one sample of a split. */
const predictionSchema = z.object({
  sample: z.string().describe("the image's path, or its index in the split"),
  true: z.string().describe("the name of its class"),
  predicted: z.string().describe("the name of the class with the highest probability"),
  confidence: z.string().optional().describe("that probability; NaN where the model's outputs were not finite"),
});

export type Prediction = z.infer<typeof predictionSchema>;

const columns = ["sample", "true", "predicted", "confidence"] as const satisfies readonly (keyof Prediction)[];
const maxBytes = 2 ** 30;

/** Writes a table of predictions, all of an evaluation or some. @param confidence a probability, 0 to 1 */
export function writePredictions(
  path: string,
  rows: readonly (Omit<Prediction, "confidence"> & { readonly confidence: number })[],
): void {
  const cells = rows.map((row) => columns.map((name) => (name === "confidence" ? row[name].toFixed(6) : row[name])));
  writeFileAtomic(path, csvText(columns, cells));
}

/** @throws CtError for a file that is not a table of predictions, naming the line */
export function readPredictions(path: string): { readonly row: Prediction; readonly where: string }[] {
  return parseCsv(readRegularFile(path, maxBytes).toString("utf8"), path).map(({ values, where }) => {
    const { data: row } = predictionSchema.safeParse(values);
    if (row !== undefined) return { row, where };
    throw new CtError({
      code: "runs/predictions",
      what: `expected the columns ${columns.slice(0, 3).join(", ")}, received ${Object.keys(values).join(", ")}`,
      where,
      fix: "give a table of predictions that `classifier train` wrote",
    });
  });
}
