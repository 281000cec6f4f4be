import { CtError, readRegularFile, writeFileAtomic } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";

const probability = z.number().min(0).max(1);
const sample = z.string().describe("path relative to the data folder, with /");

/** Who judged the images: networks that had not seen them. */
const judgesSchema = z.object({
  by: z
    .enum(["folds", "held_out", "unseen", "thumbnails"])
    .describe(
      "folds: each image by the runs that held it out; held_out: one run, its held-out images only; unseen: a network trained on other images; thumbnails: no network",
    ),
  models: z.array(z.string()).describe("run directories, checkpoints, or the name of a published network"),
  images: z.int().describe("labeled images that were judged"),
  leftOut: z
    .int()
    .describe("labeled images that were not: the networks were trained on them, or do not know their class"),
  note: z.string().describe("the same in words"),
});

const head = {
  formatVersion: z.literal(1).default(1),
  data: z.string().describe("the data path, as given"),
  judges: judgesSchema,
};

const expectedError = { value: probability, low: probability, high: probability };

/** Schemas of what `classifier data COMMAND --json FILE` writes. All lists are in the order in which to look at them. */
export const dataAnalysisSchemas = {
  /** `data suspects`: images whose label is probably wrong, the most probable first. */
  suspects: z.object({
    ...head,
    agreement: probability
      .optional()
      .describe(
        "fraction of the images for which the networks prefer the label: the lower, the more suspects are only hard",
      ),
    suspects: z.array(
      z.object({
        sample,
        label: z.string(),
        suggested: z.string().describe("the class that it probably is of"),
        labelProbability: probability,
        suggestedProbability: probability,
        isConfident: z.boolean().describe("a label error by confident learning; otherwise another class is preferred"),
      }),
    ),
  }),
  /** `data learning-curve`: error rates (0..1) by the number of training images, with 95% intervals. */
  learningCurve: z.object({
    ...head,
    measures: z.string().describe("what the errors are of, in words"),
    warning: z.string().optional().describe("why the curve says little, in words"),
    images: z.int().describe("labeled images that training uses"),
    points: z
      .array(z.object({ images: z.int(), ...expectedError, repetitions: z.int() }))
      .describe("measured, by increasing size; the interval is of the repetitions and of the images measured on"),
    curve: z.array(z.object({ images: z.int(), ...expectedError })).describe("the fitted power law, to be plotted"),
    forecasts: z
      .array(z.object({ more: z.int(), images: z.int(), ...expectedError }))
      .describe("for 0, 100, and as many and nine times as many more images"),
    classes: z
      .array(z.object({ name: z.string(), images: z.int(), error: probability.nullable() }))
      .describe("of the largest training, the highest error first; null where none was measured"),
  }),
  /** `data next`: unlabeled images in the order in which labels help most. */
  next: z.object({
    ...head,
    root: z.string().describe("the folder that the samples are relative to: the data folder, or that of --images"),
    unlabeled: z.int().describe("of how many they were chosen"),
    images: z.array(
      z.object({
        sample: z.string().describe("path relative to root, with /"),
        suggested: z
          .string()
          .nullable()
          .describe("the most probable class; null without a network that knows the classes"),
        probability: probability.nullable(),
        uncertainty: probability.nullable().describe("1 - (p1 - p2) of the two most probable classes"),
      }),
    ),
  }),
  /** `data map`, and `embeddings_map.json` of a run: a 2-D map on which similar images are near each other. */
  map: z.object({
    ...head,
    method: z.string().describe("in words, with its parameters"),
    points: z.array(
      z.object({
        sample,
        x: z.number().describe("-1..1, like y; both axes have one scale"),
        y: z.number(),
        label: z.string(),
        predicted: z.string().nullable().describe("null without a network that knows the classes"),
      }),
    ),
  }),
} as const;

export type DataAnalysisKind = keyof typeof dataAnalysisSchemas;
export type DataAnalysis<K extends DataAnalysisKind> = z.infer<(typeof dataAnalysisSchemas)[K]>;
export type Judges = z.infer<typeof judgesSchema>;

/** Writes an analysis, with one line for each element of its lists. */
export function writeDataAnalysis<K extends DataAnalysisKind>(path: string, kind: K, analysis: DataAnalysis<K>): void {
  const lines = Object.entries(dataAnalysisSchemas[kind].parse(analysis)).map(([key, value]) => {
    const text = Array.isArray(value)
      ? `[${value.map((one) => `\n    ${JSON.stringify(one)}`).join(",")}\n  ]`
      : JSON.stringify(value);
    return `  ${JSON.stringify(key)}: ${text}`;
  });
  writeFileAtomic(path, `{\n${lines.join(",\n")}\n}\n`);
}

/** @throws CtError for a file that is not such an analysis */
export function readDataAnalysis<K extends DataAnalysisKind>(path: string, kind: K): DataAnalysis<K> {
  try {
    const read: unknown = JSON.parse(readRegularFile(path, 2 ** 29).toString("utf8"));
    return dataAnalysisSchemas[kind].parse(read) as DataAnalysis<K>;
  } catch (cause) {
    if (CtError.is(cause)) throw cause;
    throw new CtError({
      code: "runs/data-analysis",
      what: `expected what \`classifier data\` writes with --json (${kind}), received another file or a damaged one: ${(cause as Error).message.split("\n")[0]}`,
      where: path,
      fix: "run the command again",
      cause,
    });
  }
}
