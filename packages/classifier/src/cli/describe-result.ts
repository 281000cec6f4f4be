import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { describeProportion, proportion } from "../statistics/interval.ts";
import type { TrainResult } from "../training/train.ts";

/** What a training left behind and what to do with it, for people. */
export function describeResult(result: TrainResult): string {
  const { outputDir, bestCheckpoint, bestWeights, bestScore, monitor } = result;
  const here = (path: string) => relative(process.cwd(), path) || ".";
  const onnx = join(outputDir, "model.onnx");
  if (result.isTrial) return "\nfast_dev_run: every part has run once; it leaves no model and no checkpoint\n";
  const lines = [`run directory    ${here(outputDir)}`];
  if (bestCheckpoint !== undefined) lines.push(`best checkpoint  ${here(bestCheckpoint)}`);
  if (bestWeights !== undefined) lines.push(`best weights     ${bestWeights}`);
  if (existsSync(onnx)) lines.push(`exported model   ${here(onnx)}`);
  if (bestScore !== undefined) lines.push(`best ${monitor}  ${describeScore(result, bestScore)}`);
  return `\n${lines.join("\n")}\n`;
}

/** An accuracy with what it rests on; any other metric as a number. */
function describeScore({ monitor, validationSamples: n }: TrainResult, score: number): string {
  const successes = Math.round(score * n);
  const isShare = /acc_top\d$/.test(monitor) && n > 0 && Math.abs(successes / n - score) < 1e-4;
  return isShare ? describeProportion(proportion(successes, n)) : score.toFixed(4);
}
