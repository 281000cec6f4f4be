import { CtError, parseCsv, readRegularFile } from "@classifier-training/base";
import {
  evaluationPaths,
  f1Interval,
  fileInside,
  type Interval,
  type NamedConfusion,
  readConfusionCounts,
  wilsonInterval,
} from "@classifier-training/runs";
import type { ClassesReply, ClassRow, ConfusionReply, ShownInterval } from "../evaluation-types.ts";
import type { EvaluationTable } from "./evaluation-table.ts";

const maxReportBytes = 256 * 2 ** 20;

/** An interval as it is sent: JSON has no NaN. */
export function shown({ value, ...others }: Interval): ShownInterval {
  return { ...others, value: Number.isFinite(value) ? value : null };
}

/** How each class fared. @param folder of the evaluation, which may have average precisions */
export function classesReply(table: EvaluationTable, folder: string): ClassesReply {
  const { names, truth, predicted, isMultilabel } = table;
  const [support, claimed, correct] = [0, 1, 2].map(() => new Uint32Array(names.length)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  const add = (counts: Uint32Array, k: number) => {
    counts[k] = (counts[k] as number) + 1;
  };
  for (const [i, own] of truth.entries()) {
    const guesses = predicted[i] ?? [];
    for (const k of own) add(support, k);
    for (const k of guesses) {
      add(claimed, k);
      if (own.includes(k)) add(correct, k);
    }
  }
  const precisions = averagePrecisions(folder);
  const classes = names.map((name, k): ClassRow => {
    const [there, said, right] = [support[k] as number, claimed[k] as number, correct[k] as number];
    const ap = precisions.get(name);
    return {
      name,
      support: there,
      claimed: said,
      correct: right,
      precision: shown(wilsonInterval(right, said)),
      recall: shown(wilsonInterval(right, there)),
      f1: shown(f1Interval(right, said - right, there - right)),
      ...(ap !== undefined && { ap }),
    };
  });
  return { isMultilabel, classes };
}

/** By class; empty where the report has none. */
function averagePrecisions(folder: string): ReadonlyMap<string, number> {
  const path = fileInside(folder, evaluationPaths.classReport);
  if (path === undefined) return new Map();
  const rows = parseCsv(readRegularFile(path, maxReportBytes).toString("utf8"), path);
  return new Map(
    rows.flatMap(({ values: { class: name, ap } }) =>
      name === undefined || ap === undefined || ap === "" ? [] : [[name, Number(ap)] as const],
    ),
  );
}

/** The confusion matrix as the predictions have it. @throws CtError for images with several labels: there is none */
export function confusionOf({ names, truth, predicted, isMultilabel }: EvaluationTable): ConfusionReply {
  if (isMultilabel) {
    throw new CtError({
      code: "dashboard/confusion",
      what: "images with several labels have no confusion matrix",
      fix: "see Classes: right, too many and missing labels of each class",
    });
  }
  const counts = new Map<number, number>();
  for (const [i, [label = 0]] of truth.entries()) {
    const cell = label * names.length + (predicted[i]?.[0] ?? 0);
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  const cells = [...counts].flatMap(([cell, count]) => [Math.floor(cell / names.length), cell % names.length, count]);
  return { names, cells };
}

/** The confusion matrix that the run wrote; undefined where it wrote none, or another table. */
export function storedConfusion(folder: string, classes: readonly string[]): ConfusionReply | undefined {
  const path = fileInside(folder, evaluationPaths.confusionCounts);
  if (path === undefined) return undefined;
  const indices = new Map(classes.map((name, i) => [name, i]));
  const indexOf = (name: string) => {
    const index = indices.get(name) ?? indices.size;
    indices.set(name, index);
    return index;
  };
  const counts = countsIn(path);
  if (counts === undefined) return undefined;
  const cells = counts.flatMap((cell) => [indexOf(cell.true), indexOf(cell.predicted), cell.count]);
  return { names: [...indices.keys()], cells };
}

function countsIn(path: string): NamedConfusion[] | undefined {
  try {
    return readConfusionCounts(path);
  } catch (error) {
    if (!CtError.is(error)) throw error;
    return undefined;
  }
}
