import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { TrainResult } from "../training/train.ts";

/** What a training left behind and what to do with it, for people. */
export function describeResult({ outputDir, bestCheckpoint, bestWeights, bestScore, monitor }: TrainResult): string {
  const here = (path: string) => relative(process.cwd(), path) || ".";
  const onnx = join(outputDir, "model.onnx");
  const lines = [`run directory    ${here(outputDir)}`];
  if (bestCheckpoint !== undefined) lines.push(`best checkpoint  ${here(bestCheckpoint)}`);
  if (bestWeights !== undefined) lines.push(`best weights     ${bestWeights}`);
  if (existsSync(onnx)) lines.push(`exported model   ${here(onnx)}`);
  if (bestScore !== undefined) lines.push(`best ${monitor}  ${bestScore.toFixed(4)}`);
  return `\n${lines.join("\n")}\n`;
}
