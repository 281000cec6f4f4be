import {
  type CalibrationBin,
  calibrationBins,
  compareErrors,
  coverageAtRisk,
  expectedCalibrationError,
  type Interval,
  type McNemarResult,
  percent,
  type RefusedFraction,
  type RiskCoverage,
  refusedFractions,
  riskCoverage,
  type Slice,
  sliceAccuracies,
  wilsonInterval,
} from "@classifier-training/runs";
import { pairedSamples, type StoredPredictions } from "./stored-predictions.ts";
import { isWrong, type NamedPrediction, type NamedReport, namedReports } from "./summary.ts";

/** What the stored predictions of a run say beside its accuracy. */
export interface StoredAnalysis {
  readonly name: string;
  readonly accuracy: Interval;
  readonly calibration: { readonly error: number; readonly bins: readonly CalibrationBin[] };
  readonly riskCoverage: RiskCoverage;
  /** How the others do when the least confident images are refused. */
  readonly refusals: readonly RefusedFraction[];
  readonly classes: readonly NamedReport[];
  /** By the metadata of the samples; empty where the data has none. */
  readonly slices: readonly Slice[];
}

/** The error rate for which the coverage is named. */
const namedRisk = 0.05;

export function analyzeStored({ name, rows, correct: bySample }: StoredPredictions): StoredAnalysis {
  const correct = rows.map((row) => !isWrong(row));
  const confidence = rows.map((row) => row.confidence);
  return {
    name,
    accuracy: wilsonInterval([...bySample.values()].filter(Boolean).length, bySample.size),
    calibration: { error: expectedCalibrationError(confidence, correct), bins: calibrationBins(confidence, correct) },
    riskCoverage: riskCoverage(confidence, correct),
    refusals: refusedFractions(confidence, correct),
    classes: namedReports(rows),
    slices: sliceAccuracies(
      rows.map(({ details }) => details?.metadata ?? {}),
      correct,
    ),
  };
}

/** `calibration error (ECE) 0.041, risk-coverage area (AURC) 0.012`, and which images can be answered; lines of 80 columns. */
export function describeAnalysis({ calibration, riskCoverage: curve, refusals, slices }: StoredAnalysis): string[] {
  const point = coverageAtRisk(curve, namedRisk);
  const answered =
    point === undefined
      ? "not even the most confident images have less than 5% errors"
      : `${percent(point.coverage)} have a confidence of ${point.confidence.toFixed(2)} or more, and ${percent(point.risk)} errors`;
  const weakest = slices.find(({ accuracy, rest }) => accuracy.high < rest.low);
  return [
    `calibration error (ECE) ${calibration.error.toFixed(3)}, risk-coverage area (AURC) ${curve.aurc.toFixed(3)}`,
    answered,
    `accuracy ${refusals.map(({ fraction, accuracy }) => `${percent(accuracy.value)} with ${100 * fraction}% refused`).join(", ")}`,
    ...(weakest === undefined
      ? []
      : [
          `weakest slice: ${weakest.key} ${weakest.value}: ${percent(weakest.accuracy.value)} of ${weakest.accuracy.n} images right, ${percent(weakest.rest.value)} of the others`,
        ]),
  ];
}

/** An image on which one of two runs is right, or has fewer wrong labels. */
export interface DifferingImage {
  readonly sample: string;
  readonly true: string;
  readonly first: string;
  readonly second: string;
}

/** Two runs on the images that both have. */
export interface StoredComparison extends McNemarResult {
  readonly first: string;
  readonly second: string;
  /** Images that both have. */
  readonly n: number;
  readonly differences: readonly DifferingImage[];
}

/** @throws CtError when the runs have no sample in common */
export function compareStoredPair(first: StoredPredictions, second: StoredPredictions): StoredComparison {
  const paired = pairedSamples(first, second);
  const bySample = (rows: readonly NamedPrediction[]) => new Map(rows.map((row) => [row.sample, row]));
  const [own, other] = [bySample(first.rows), bySample(second.rows)];
  const differences = paired.samples.flatMap((sample, i) => {
    const [a, b] = [own.get(sample), other.get(sample)];
    if (paired.first[i] === paired.second[i] || a === undefined || b === undefined) return [];
    return [{ sample, true: a.true, first: a.predicted, second: b.predicted }];
  });
  return {
    first: first.name,
    second: second.name,
    n: paired.samples.length,
    ...compareErrors(paired.first, paired.second),
    differences,
  };
}
