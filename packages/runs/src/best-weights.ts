import { existsSync } from "node:fs";
import { join } from "node:path";
import { readRegularFile, splits, writeFileAtomic } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { runPaths } from "./names.ts";

/**
 * raw: as the optimizer left them; ema: their moving average; averaged: the mean of epochs (SWA); soup: the mean of the
 * weights of several checkpoints.
 */
export const weightsNameSchema = z.enum(["raw", "ema", "averaged", "soup"]);

export type WeightsName = z.infer<typeof weightsNameSchema>;

const pairedTest = z.object({
  onlyFirst: z.int(),
  onlySecond: z.int(),
  pValue: z.number(),
  distinguishable: z.boolean(),
});

/** What validation says of one set of weights, or of one input size. */
const measured = {
  correct: z.int().describe("samples whose class (multilabel: exactly whose classes) was predicted"),
  n: z.int().describe("samples"),
  top1: z.number(),
  interval95: z.tuple([z.number(), z.number()]),
  mAP: z.number().optional().describe("of a multilabel model: what the best one was chosen by"),
  loss: z.number().describe("mean cross entropy, unweighted"),
};

/** `best_weights.json`: the weights that a training ended with, the best one first, measured on the same samples. */
export const bestWeightsSchema = z.looseObject({
  best: weightsNameSchema,
  split: z.enum(splits),
  measured: z
    .int()
    .optional()
    .describe("how many sets of weights and input sizes were measured: the best of them looks better than it is"),
  candidates: z.array(
    z.looseObject({
      name: weightsNameSchema,
      source: z.string().describe("the checkpoint they are from, or what else"),
      ...measured,
      pairedTestAgainstBest: pairedTest,
    }),
  ),
  inputSize: z
    .looseObject({
      chosen: z.int().describe("width and height of the exported model's input in pixels"),
      trained: z.int(),
      sizes: z.array(
        z.looseObject({ size: z.int(), ...measured, pairedTestAgainstTrained: pairedTest, seconds: z.number() }),
      ),
    })
    .optional(),
});

const maxBytes = 2 ** 24;

export type BestWeights = z.infer<typeof bestWeightsSchema>;

/** What a run has measured; undefined where it has not, or the file says something else. */
export function readBestWeights(folder: string): BestWeights | undefined {
  const path = join(folder, runPaths.bestWeights);
  if (!existsSync(path)) return undefined;
  try {
    return bestWeightsSchema.parse(JSON.parse(readRegularFile(path, maxBytes).toString("utf8")));
  } catch {
    return undefined;
  }
}

export function writeBestWeights(folder: string, report: BestWeights): void {
  writeFileAtomic(join(folder, runPaths.bestWeights), `${JSON.stringify(report, null, 2)}\n`);
}
