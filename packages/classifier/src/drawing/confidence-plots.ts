import { calibrationBins, expectedCalibrationError, percent, riskCoverage } from "@classifier-training/runs";
import type { LineChart } from "./line-chart.ts";

/** More points than pixels show nothing more. */
const maxPoints = 1000;

/**
 * Accuracy by confidence with its 95% interval, beside what a calibrated model has.
 * @param confidence of the predicted class, 0 to 1, by sample
 */
export function reliabilityDiagram(
  confidence: readonly number[],
  correct: readonly boolean[],
  title: string,
): LineChart {
  const bins = calibrationBins(confidence, correct).filter(({ count }) => count > 0);
  const x = [0, ...bins.map((bin) => bin.confidence), 1];
  const inBins = (values: readonly number[]) => [null, ...values, null];
  return {
    title,
    about: `${confidence.length} samples, ECE ${percent(expectedCalibrationError(confidence, correct))}: below the diagonal the model is too confident`,
    xLabel: "confidence",
    yLabel: "accuracy",
    isPercent: true,
    isXPercent: true,
    x,
    lines: [
      { label: "calibrated", values: x, color: 4, split: "train" },
      { label: "accuracy", values: inBins(bins.map(({ accuracy }) => accuracy.value)), color: 0, split: "val" },
      { label: "95% interval", values: inBins(bins.map(({ accuracy }) => accuracy.low)), color: 1, split: "train" },
      { label: "", values: inBins(bins.map(({ accuracy }) => accuracy.high)), color: 1, split: "train" },
    ],
  };
}

/** The error rate of the images that are answered, by how many of them are when the least confident ones are declined. */
export function riskCoverageChart(
  confidence: readonly number[],
  correct: readonly boolean[],
  title: string,
): LineChart {
  const { points, aurc } = riskCoverage(confidence, correct);
  const every = Math.ceil(points.length / maxPoints);
  const kept = points.filter((_, i) => i % every === 0 || i === points.length - 1);
  return {
    title,
    about: `${confidence.length} samples, area under the curve (AURC) ${percent(aurc)}: lower is better`,
    xLabel: "coverage: images that are answered, the most confident first",
    yLabel: "error rate among them",
    isPercent: true,
    isXPercent: true,
    isYFitted: true,
    hasPoints: false,
    x: kept.map(({ coverage }) => coverage),
    lines: [{ label: "error rate", values: kept.map(({ risk }) => risk), color: 0, split: "val" }],
  };
}
