import { existsSync } from "node:fs";
import { join } from "node:path";
import { displayPath, shellWord } from "@classifier-training/base";
import { runPaths } from "@classifier-training/runs";
import { describeInterval, wilsonInterval } from "../statistics/interval.ts";
import type { TrainResult } from "../training/train.ts";

/**
 * The result of a training, for people: best metric, files, next commands.
 * @param next commands to suggest
 */
export function describeResult(result: TrainResult, next: readonly string[] = []): string {
  const { outputDir, bestCheckpoint, bestWeights, bestScore, monitor } = result;
  const onnx = join(outputDir, runPaths.model);
  if (result.isTrial) return "\nfast_dev_run: every component ran once; no model and no checkpoint were saved\n";
  const lines: (readonly [string, string])[] = [];
  if (bestScore !== undefined) lines.push([`best ${monitor}`, describeScore(result, bestScore)]);
  if (bestWeights !== undefined) lines.push(["best weights", bestWeights]);
  if (bestCheckpoint !== undefined) lines.push(["best checkpoint", displayPath(bestCheckpoint)]);
  if (existsSync(onnx)) lines.push(["exported model", displayPath(onnx)]);
  lines.push(["run directory", displayPath(outputDir)]);
  const width = Math.max(...lines.map(([name]) => name.length));
  const text = lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
  const commands = next.length === 0 ? "" : `\nNext:\n${next.map((command) => `  ${command}`).join("\n")}\n`;
  const numbering = bestCheckpoint === undefined ? "" : "Epochs are counted from 1; in the names of files, from 0.\n";
  return `\n${text}\n${numbering}${commands}`;
}

/** Commands for a finished run. */
export function nextCommands({ outputDir, isTrial }: TrainResult): string[] {
  if (isTrial) return [];
  const run = shellWord(displayPath(outputDir));
  const withModel = [`classifier predict ${run} IMAGE...`, `classifier export ${run} --data DATA_ROOT --out bundle`];
  return [...(existsSync(join(outputDir, runPaths.model)) ? withModel : []), `classifier validate ${run}`];
}

/** An accuracy with its interval; any other metric as a number. */
function describeScore({ monitor, validationSamples: n }: TrainResult, score: number): string {
  const successes = Math.round(score * n);
  const isAccuracy = /acc_top\d$/.test(monitor) && n > 0 && Math.abs(successes / n - score) < 1e-4;
  return isAccuracy ? describeInterval(wilsonInterval(successes, n)) : score.toFixed(4);
}
