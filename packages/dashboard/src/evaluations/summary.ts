import {
  calibrationBins,
  coverageAtRisk,
  expectedCalibrationError,
  predictionMetadata,
  riskCoverage,
  sliceAccuracies,
  wilsonInterval,
} from "@classifier-training/runs";
import type { EvaluationSummary } from "../evaluation-types.ts";
import { shown } from "./class-table.ts";
import type { EvaluationTable } from "./evaluation-table.ts";

const namedRisks = [0.01, 0.02, 0.05];
/** More would not be seen. */
const maxPoints = 300;

const summaries = new WeakMap<EvaluationTable, EvaluationSummary>();

/** What the predictions say beside the classes: calibration, risk and coverage, slices. Several parts of the page ask for it. */
export function summaryOf(table: EvaluationTable): EvaluationSummary {
  const summary = summaries.get(table) ?? summarized(table);
  summaries.set(table, summary);
  return summary;
}

function summarized({ rows, wrong, confidence, isMultilabel }: EvaluationTable): EvaluationSummary {
  const right = Array.from(wrong, (count) => count === 0);
  const known = [...confidence.keys()].filter((i) => Number.isFinite(confidence[i]));
  const confidences = known.map((i) => confidence[i] as number);
  const correct = known.map((i) => right[i] === true);
  const curve = riskCoverage(confidences, correct);
  const error = expectedCalibrationError(confidences, correct);
  return {
    isMultilabel,
    accuracy: shown(wilsonInterval(right.filter(Boolean).length, rows.length)),
    notFinite: rows.length - known.length,
    calibration: {
      error: Number.isFinite(error) && known.length > 0 ? error : null,
      bins: calibrationBins(confidences, correct).map((bin) => ({
        ...bin,
        confidence: Number.isFinite(bin.confidence) ? bin.confidence : null,
        accuracy: shown(bin.accuracy),
      })),
    },
    riskCoverage: {
      aurc: Number.isFinite(curve.aurc) ? curve.aurc : null,
      points: downsampled(curve.points, maxPoints),
      at: namedRisks.map((risk) => {
        const point = coverageAtRisk(curve, risk);
        return { risk, ...(point !== undefined && { point }) };
      }),
    },
    slices: sliceAccuracies(
      rows.map((row) => predictionMetadata(row) ?? {}),
      right,
    ).map(({ accuracy, rest, ...slice }) => ({ ...slice, accuracy: shown(accuracy), rest: shown(rest) })),
  };
}

/** Some of the points, the first and the last among them. */
function downsampled<T>(points: readonly T[], most: number): T[] {
  if (points.length <= most) return [...points];
  return Array.from({ length: most }, (_, i) => points[Math.round((i * (points.length - 1)) / (most - 1))] as T);
}
