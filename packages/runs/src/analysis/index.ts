/** What predictions say, as pure functions of plain arrays: nothing of Node.js, for browsers too. */
export { type CalibrationBin, calibrationBins, expectedCalibrationError, quantile } from "./calibration.ts";
export {
  type ClassReport,
  type ConfusionCell,
  classReport,
  classReports,
  countConfusions,
  f1Interval,
} from "./confusion.ts";
export { describeInterval, type Interval, percent, wilsonInterval } from "./interval.ts";
export { type LabelSuspect, labelSuspects, type OutOfFoldPrediction, weakAgreement } from "./label-errors.ts";
export { type ForecastError, fitLearningCurve, type LearningCurve, type LearningCurvePoint } from "./learning-curve.ts";
export { compareErrors, type McNemarResult, mcnemarTest } from "./mcnemar.ts";
export {
  coverageAtRisk,
  type RefusedFraction,
  type RiskCoverage,
  type RiskCoveragePoint,
  refuseBelow,
  refusedFractions,
  riskCoverage,
} from "./risk-coverage.ts";
export { type Slice, sliceAccuracies, sliceNamer } from "./slices.ts";
export { describeMeanInterval, describeSpread, type Spread, spreadOf } from "./spread.ts";
export { fitTemperature } from "./temperature.ts";
