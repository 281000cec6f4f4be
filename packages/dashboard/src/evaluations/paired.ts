import { resolve } from "node:path";
import { CtError } from "@classifier-training/base";
import {
  compareErrors,
  fileInside,
  type Run,
  readSplitRecord,
  runPaths,
  wilsonInterval,
} from "@classifier-training/runs";
import type { ComparedSide, PairedReply } from "../evaluation-types.ts";
import { shown } from "./class-table.ts";
import type { EvaluationTable } from "./evaluation-table.ts";
import { shownSample } from "./samples.ts";

/** An evaluation of a run. */
export interface Evaluated {
  readonly run: Run;
  readonly table: EvaluationTable;
}

/** By who is right about a sample. */
const sideOf = (a: number, b: number): ComparedSide =>
  a === b ? (a === 0 ? "both" : "neither") : a < b ? "onlyA" : "onlyB";

/**
 * Compares two evaluations on the samples that both have: those of equal paths, or of equal content where the runs
 * have recorded it and that finds more: the data may have been moved.
 * @param side whose samples are listed, from `offset` on
 * @throws CtError where they have none in common
 */
export function pairedReply(
  a: Evaluated,
  b: Evaluated,
  { side, offset, limit }: { readonly side: ComparedSide; readonly offset: number; readonly limit: number },
): PairedReply {
  const byContent = pairs(contentsOf(a), contentsOf(b));
  const byPath = pairs(pathsOf(a), pathsOf(b));
  const found = byContent.length > byPath.length ? byContent : byPath;
  if (found.length === 0) {
    throw new CtError({
      code: "dashboard/paired",
      what: "the two evaluations have no sample in common",
      fix: "choose evaluations of the same split of the same data",
    });
  }
  const wrong = found.map(([i, j]) => [a.table.wrong[i] as number, b.table.wrong[j] as number] as const);
  const { pValue, distinguishable } = compareErrors(
    wrong.map(([one]) => one),
    wrong.map(([, other]) => other),
  );
  const sides: Record<ComparedSide, number> = { onlyA: 0, onlyB: 0, both: 0, neither: 0 };
  for (const [one, other] of wrong) sides[sideOf(one, other)]++;
  const right = (at: 0 | 1) => wrong.filter((pair) => pair[at] === 0).length;
  const confidence = ([i, j]: Pair) => Math.max(a.table.confidence[i] || 0, b.table.confidence[j] || 0);
  const listed = found
    .filter((_, i) => sideOf(...(wrong[i] as readonly [number, number])) === side)
    .sort((one, other) => confidence(other) - confidence(one));
  return {
    n: found.length,
    pairedBy: found === byContent ? "content" : "path",
    isMultilabel: a.table.isMultilabel || b.table.isMultilabel,
    accuracy: { a: shown(wilsonInterval(right(0), found.length)), b: shown(wilsonInterval(right(1), found.length)) },
    sides,
    pValue,
    isSignificant: distinguishable,
    samples: listed
      .slice(offset, offset + limit)
      .map(([i, j]) => ({ a: shownSample(a.table, i), b: shownSample(b.table, j) })),
  };
}

type Pair = readonly [a: number, b: number];

function pairs(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): Pair[] {
  return [...a].flatMap(([name, i]) => {
    const j = b.get(name);
    return j === undefined ? [] : [[i, j] as const];
  });
}

/** Samples by path: absolute where the run says what its paths are relative to. */
function pathsOf({ run, table }: Evaluated): Map<string, number> {
  const { cwd } = run.record;
  return new Map(table.rows.map(({ sample }, i) => [cwd === undefined ? sample : resolve(cwd, sample), i]));
}

/** Samples by the hash of their content, of a run that has recorded it; without those that are there twice. */
function contentsOf({ run, table }: Evaluated): Map<string, number> {
  const path = fileInside(run.dir, runPaths.split);
  const { cwd, dataRoot } = run.record;
  if (path === undefined || cwd === undefined || dataRoot === undefined) return new Map();
  const hashes = new Map(readSplitRecord(path).samples.map((one) => [resolve(dataRoot, one.path), one.content]));
  const found = new Map<string, number>();
  const twice = new Set<string>();
  for (const [i, { sample }] of table.rows.entries()) {
    const content = hashes.get(resolve(cwd, sample));
    if (content === undefined) continue;
    if (found.has(content)) twice.add(content);
    found.set(content, i);
  }
  for (const content of twice) found.delete(content);
  return found;
}
