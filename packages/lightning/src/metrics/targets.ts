import { optionsTarget, type TargetTable } from "@classifier-training/base";
import { z } from "zod";
import { MaxMetric, MeanMetric, MinMetric, SumMetric } from "./aggregation.ts";
import { calibrationErrorOptions, MulticlassCalibrationError } from "./calibration-error.ts";
import { confusionMatrixOptions, MulticlassConfusionMatrix } from "./confusion-matrix.ts";
import { curveOptions, MulticlassAUROC, MulticlassAveragePrecision } from "./curves.ts";
import {
  MulticlassAccuracy,
  MulticlassF1Score,
  MulticlassPrecision,
  MulticlassRecall,
  statScoresOptions,
} from "./stat-scores.ts";

const none = z.strictObject({});

const classification = {
  MulticlassAccuracy: optionsTarget(statScoresOptions, (options) => new MulticlassAccuracy(options)),
  MulticlassPrecision: optionsTarget(statScoresOptions, (options) => new MulticlassPrecision(options)),
  MulticlassRecall: optionsTarget(statScoresOptions, (options) => new MulticlassRecall(options)),
  MulticlassF1Score: optionsTarget(statScoresOptions, (options) => new MulticlassF1Score(options)),
  MulticlassConfusionMatrix: optionsTarget(confusionMatrixOptions, (o) => new MulticlassConfusionMatrix(o)),
  MulticlassCalibrationError: optionsTarget(calibrationErrorOptions, (o) => new MulticlassCalibrationError(o)),
  MulticlassAUROC: optionsTarget(curveOptions, (options) => new MulticlassAUROC(options)),
  MulticlassAveragePrecision: optionsTarget(curveOptions, (options) => new MulticlassAveragePrecision(options)),
};

const aggregation = {
  MeanMetric: optionsTarget(none, () => new MeanMetric()),
  SumMetric: optionsTarget(none, () => new SumMetric()),
  MinMetric: optionsTarget(none, () => new MinMetric()),
  MaxMetric: optionsTarget(none, () => new MaxMetric()),
};

/** The metrics that a configuration may name, as torchmetrics names them. */
export const metricTargets: TargetTable = Object.fromEntries([
  ...Object.entries(classification).map(([name, target]) => [`torchmetrics.classification.${name}`, target] as const),
  ...Object.entries({ ...classification, ...aggregation }).map(([name, t]) => [`torchmetrics.${name}`, t] as const),
]);
