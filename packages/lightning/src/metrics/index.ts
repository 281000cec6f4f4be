export { MaxMetric, MeanMetric, MinMetric, SumMetric } from "./aggregation.ts";
export { type CalibrationErrorOptions, MulticlassCalibrationError } from "./calibration-error.ts";
export { type ConfusionMatrixOptions, MulticlassConfusionMatrix } from "./confusion-matrix.ts";
export {
  averagePrecision,
  type CurveOptions,
  MulticlassAUROC,
  MulticlassAveragePrecision,
  type Points,
  rankedPoints,
} from "./curves.ts";
export type { MetricInput, NestedNumbers, TensorLike } from "./input.ts";
export { Metric, type MetricState, type Reduction } from "./metric.ts";
export {
  MultilabelAccuracy,
  MultilabelAUROC,
  MultilabelAveragePrecision,
  type MultilabelCurveOptions,
  MultilabelF1Score,
  type MultilabelOptions,
  MultilabelPrecision,
  MultilabelRecall,
} from "./multilabel.ts";
export {
  MulticlassAccuracy,
  MulticlassF1Score,
  MulticlassPrecision,
  MulticlassRecall,
  type StatScoresOptions,
} from "./stat-scores.ts";
export { metricTargets } from "./targets.ts";
