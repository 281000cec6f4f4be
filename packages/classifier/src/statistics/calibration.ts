import { type Calibration, expectedCalibrationError, fitTemperature, quantile } from "@classifier-training/runs";
import type { SplitPredictions } from "./predictions.ts";

/** So many quantiles of the confidence are kept, besides the smallest. */
const quantiles = 100;

/** How sure a multiclass model is, fitted on its predictions for validation; undefined without any. */
export function calibrationOf(predictions: SplitPredictions): Calibration | undefined {
  const { logits, labels, correct, confidence } = predictions;
  if (labels.length === 0) return undefined;
  const temperature = Number(fitTemperature(logits, labels).toPrecision(6));
  const calibrated = predictions.atTemperature(temperature).confidence;
  return {
    temperature,
    samples: labels.length,
    ece: expectedCalibrationError(calibrated, correct),
    ece_before: expectedCalibrationError(confidence, correct),
    confidence_quantiles: Array.from({ length: quantiles + 1 }, (_, i) =>
      Number(quantile(calibrated, i / quantiles).toFixed(6)),
    ),
  };
}
