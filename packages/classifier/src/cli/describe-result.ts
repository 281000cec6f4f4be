import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { columnsOf, displayPath, shellWord, shortened } from "@classifier-training/base";
import { type Calibration, describeInterval, percent, readLabelsMapping, runPaths } from "@classifier-training/runs";
import { describeMeasures, describeWeakness } from "../evaluation/label-summary.ts";
import type { NamedPrediction, PredictionSummary, WeakClass } from "../evaluation/summary.ts";
import type { TrainResult } from "../training/result.ts";

/** Of the most confident errors so many are listed. */
const shownErrors = 5;

/**
 * The result of a training, for people: accuracy, weakest classes, most confident errors, files, next commands.
 * @param next commands to suggest
 */
export function describeResult(result: TrainResult, next: readonly string[] = []): string {
  const { outputDir, bestCheckpoint, bestScore, monitor, summary, measured } = result;
  const [onnx, labels] = [join(outputDir, runPaths.model), join(outputDir, runPaths.labels)];
  if (result.isTrial) return "\nfast_dev_run: every component ran once; no model and no checkpoint were saved\n";
  const width = columnsOf(process.stdout);
  const lines: (readonly [string, string])[] = [];
  if (summary?.measures !== undefined) {
    const [mAP = "", macro = ""] = describeMeasures(summary.measures, summary.accuracy);
    lines.push(["val mAP", mAP.replace("mAP ", "")], ["val F1 macro", macro.replace("F1 macro ", "")]);
  } else if (summary !== undefined) lines.push(["val accuracy", describeInterval(summary.accuracy)]);
  if (summary !== undefined && measured > 1)
    lines.push(["", `best of ${measured} measured on these images: optimistic`]);
  const { calibration } = existsSync(onnx) && existsSync(labels) ? readLabelsMapping(labels) : {};
  if (calibration !== undefined) lines.push(["calibration", describeCalibration(calibration)]);
  const isSaid = summary !== undefined && /acc_top1$|mAP$/.test(monitor);
  if (bestScore !== undefined && !isSaid) lines.push([`best ${monitor}`, bestScore.toFixed(4)]);
  if (bestCheckpoint !== undefined) lines.push(["best checkpoint", displayPath(bestCheckpoint)]);
  if (existsSync(onnx)) lines.push(["exported model", `${displayPath(onnx)} (${contents(onnx, result)})`]);
  lines.push(["run directory", displayPath(outputDir)]);
  const label = Math.max(...lines.map(([name]) => name.length));
  const rows = lines.map(([name, value]) => `${name.padEnd(label)}  ${value}`);
  const commands = next.length === 0 ? [] : ["Next:", ...next.map((command) => `  ${command}`)];
  return ["", ...rows, ...describeErrors(summary, width), ...commands, ""].join("\n");
}

/** What divides the logits, and what that is good for, on the images that it was fitted on. */
function describeCalibration({ temperature, ece, ece_before }: Calibration): string {
  return `temperature ${Number(temperature.toPrecision(3))}: error (ECE) ${ece.toFixed(3)}, without it ${ece_before.toFixed(3)}`;
}

/** The weakest classes and the most confident errors. */
export function describeErrors(summary: PredictionSummary | undefined, width: number): string[] {
  if (summary === undefined || summary.errors.length === 0) return [];
  const { weakest, errors } = summary;
  const shown = errors.slice(0, shownErrors).map((error) => ({ ...error, verdict: verdictOf(error) }));
  const verdicts = Math.max(...shown.map(({ verdict }) => verdict.length));
  const free = Math.max(20, width - verdicts - 4);
  const names = shown.map(({ sample }) => shortened(sample, free));
  const longest = Math.max(...names.map(({ length }) => length));
  return [
    fitting("weakest classes:", weakest.map(describeClass), width),
    `most confident errors of ${errors.length}:`,
    ...shown.map(({ verdict }, i) => `  ${names[i]?.padEnd(longest)}  ${verdict}`),
  ];
}

function describeClass({ name, ...weakness }: WeakClass): string {
  return describeWeakness({ ...weakness, name: shortened(name, 24) });
}

function verdictOf({ true: label, predicted, confidence }: NamedPrediction): string {
  return `${shortened(label || "none", 16)}, predicted as ${shortened(predicted || "none", 16)} (${percent(confidence)})`;
}

/** A title and as many items as fit into a line. */
function fitting(title: string, items: readonly string[], width: number): string {
  let line = title;
  for (const [i, item] of items.entries()) {
    const longer = `${line}${i === 0 ? " " : ", "}${item}`;
    if (i > 0 && longer.length > width) break;
    line = longer;
  }
  return line;
}

function contents(onnx: string, { bestWeights, inputSize }: TrainResult): string {
  const weights = bestWeights === undefined ? [] : [`${bestWeights} weights`];
  const size = inputSize === undefined ? [] : [`${inputSize} px`];
  return [...weights, ...size, `${(statSync(onnx).size / 2 ** 20).toFixed(1)} MB`].join(", ");
}

/** Commands for a finished run. */
export function nextCommands({ outputDir, isTrial, dataRoot, valFrom }: TrainResult): string[] {
  if (isTrial) return [];
  const run = shellWord(displayPath(outputDir));
  const data = dataRoot === undefined ? "DATA_ROOT" : shellWord(displayPath(dataRoot));
  const withModel = [`classifier predict ${run} IMAGE...`, `classifier export ${run} --data ${data} --out bundle`];
  return [
    ...(valFrom === undefined ? [] : [`classifier test ${run}`]),
    ...(existsSync(join(outputDir, runPaths.model)) ? withModel : []),
    "classifier dashboard",
  ];
}
