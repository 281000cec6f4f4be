import { labelCounts, type Prediction, predictionDetails, sliceNamer, splitLabels } from "@classifier-training/runs";
import type { SampleQuery, SamplesReply, ShownSample } from "../evaluation-types.ts";
import type { EvaluationTable } from "./evaluation-table.ts";

/** A page of the samples that are asked for, in an order. */
export function samplesReply(
  table: EvaluationTable,
  query: SampleQuery,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): SamplesReply {
  const order = ordered(table, fitting(table, query), query.order ?? "confident");
  const samples = order.slice(offset, offset + limit).map((index) => shownSample(table, index));
  return { total: order.length, offset, samples };
}

function fitting(table: EvaluationTable, query: SampleQuery): number[] {
  const { names, truth, predicted, wrong, confidence, rows } = table;
  const indexOf = (name: string | undefined) => (name === undefined ? undefined : names.indexOf(name));
  const [label, guess] = [indexOf(query.true), indexOf(query.predicted)];
  const { low, high } = query;
  const slice = query.key === undefined ? undefined : sliceOf(rows, query.key, query.value ?? "");
  return [...rows.keys()].filter((i) => {
    const value = confidence[i] as number;
    return (
      (label === undefined || truth[i]?.includes(label)) &&
      (guess === undefined || predicted[i]?.includes(guess)) &&
      (query.wrong !== true || wrong[i] !== 0) &&
      (low === undefined || value > low || (low === 0 && value === 0)) &&
      (high === undefined || value <= high) &&
      (slice === undefined || slice.has(i))
    );
  });
}

/** The samples of a slice, as `sliceAccuracies` has named it. */
function sliceOf(rows: readonly Prediction[], key: string, name: string): ReadonlySet<number> {
  const known = rows.flatMap((row, i) => {
    const value = row[`metadata.${key}`];
    return typeof value !== "string" || value === "" ? [] : [{ i, value }];
  });
  const nameOf = sliceNamer(known.map(({ value }) => value));
  return new Set(known.flatMap(({ i, value }) => (nameOf?.(value) === name ? [i] : [])));
}

function ordered(
  { confidence, rows }: EvaluationTable,
  indices: number[],
  order: NonNullable<SampleQuery["order"]>,
): number[] {
  if (order === "table") return indices;
  // What is not finite comes last.
  const number = (value: number) => (Number.isFinite(value) ? value : Number.NEGATIVE_INFINITY);
  const keys = Float64Array.from(rows, ({ loss }, i) => {
    if (order === "loss") return loss === undefined || loss === "" ? Number.NEGATIVE_INFINITY : number(Number(loss));
    const value = confidence[i] as number;
    return number(order === "uncertain" ? -value : value);
  });
  return indices.sort((a, b) => (keys[b] as number) - (keys[a] as number) || a - b);
}

/** A sample as it is sent. */
export function shownSample({ rows, confidence, wrong }: EvaluationTable, index: number): ShownSample {
  const row = rows[index] as Prediction;
  const details = predictionDetails(row);
  const counts = labelCounts(row);
  const value = confidence[index] as number;
  const labelText = (cell: string) => (counts === undefined ? cell : splitLabels(cell).join(", "));
  return {
    index,
    sample: row.sample,
    true: labelText(row.true),
    predicted: labelText(row.predicted),
    confidence: Number.isFinite(value) ? value : null,
    isWrong: wrong[index] !== 0,
    ...(counts !== undefined && { counts }),
    ...(details !== undefined && {
      loss: Number.isFinite(details.loss) ? details.loss : null,
      topK: details.topK,
      ...(details.metadata !== undefined && { metadata: details.metadata }),
    }),
  };
}
