import { dirname } from "node:path";
import { columnsOf, displayPath, shellWord, shortened } from "@classifier-training/base";
import { describeMeanInterval, describeSpread, percent, spreadOf } from "@classifier-training/runs";
import type { TrainResult } from "../training/result.ts";
import { nextCommands } from "./describe-result.ts";

/** A finished job of a sweep. */
interface SweptJob {
  readonly result: TrainResult;
  readonly overrides: readonly string[];
}

/** The results of a sweep: a line a job, with what only some of the jobs had for overrides, the best first. */
export function describeSweep(jobs: readonly SweptJob[]): string {
  const width = columnsOf(process.stdout);
  const common = jobs.map(({ overrides }) => overrides).reduce((a, b) => a.filter((one) => b.includes(one)));
  const ranked = jobs.filter(({ result }) => !result.isTrial).sort((a, b) => goodness(b.result) - goodness(a.result));
  const rows = ranked.map(({ result, overrides }) => {
    const own = overrides.filter((one) => !common.includes(one)).join(" ");
    return [displayPath(result.outputDir), describeScore(result), own];
  });
  const [paths = 0, scores = 0] = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map(([path = "", score = "", own = ""]) => {
    const start = `${path.padEnd(paths)}  ${score.padEnd(scores)}  `;
    return `${start}${shortened(own, Math.max(16, width - start.length))}`.trimEnd();
  });
  const pools = poolCommands(ranked);
  const [best] = ranked;
  const next =
    pools.length > 0
      ? ["All folds as one result, each image predicted by a model that has not seen it:", ...pools.map(indented)]
      : best === undefined
        ? []
        : ["Best:", ...nextCommands(best.result).slice(0, 1).map(indented)];
  return ["", ...lines, "", ...describeSeeds(ranked, common, width), ...next, ""].join("\n");
}

/** How the results of jobs vary that differ only in their seeds: the lines of each configuration, and how to see more. */
function describeSeeds(jobs: readonly SweptJob[], common: readonly string[], width: number): string[] {
  const groups = new Map<string, SweptJob[]>();
  for (const job of jobs) {
    if (!job.overrides.some(isSeed)) continue;
    const key = job.overrides.filter((one) => !isSeed(one) && !common.includes(one)).join(" ");
    groups.set(key, [...(groups.get(key) ?? []), job]);
  }
  return [...groups].flatMap(([own, group]) => {
    const values = group.flatMap(({ result }) => scoreOf(result) ?? []);
    if (group.length < 2 || values.length < group.length) return [];
    const spread = spreadOf(values);
    const runs = group.map(({ result }) => result.outputDir);
    const [sweep = ""] = runs.map((dir) => dirname(dir));
    const isAll = group.length === jobs.length && runs.every((dir) => dirname(dir) === sweep);
    const paths = (isAll ? [sweep] : runs).map((dir) => shellWord(displayPath(dir))).join(" ");
    return [
      `${group.length} seeds${own === "" ? "" : ` of ${shortened(own, width - 20)}`}:`,
      indented(describeSpread(spread)),
      indented(describeMeanInterval(spread)),
      indented(`classifier evaluate --seeds ${paths}`),
      "",
    ];
  });
}

function isSeed(override: string): boolean {
  return /^\+{0,2}seed=/.test(override);
}

/** A proportion; undefined where the job has none. */
function scoreOf({ summary }: TrainResult): number | undefined {
  return summary?.measures?.mAP.value ?? summary?.accuracy.value;
}

function indented(line: string): string {
  return `  ${line}`;
}

/** The commands that pool the folds of each configuration, all of whose folds were trained. */
function poolCommands(jobs: readonly SweptJob[]): string[] {
  const groups = new Map<string, SweptJob[]>();
  for (const job of jobs.filter(({ result }) => result.folds !== undefined)) {
    const key = job.overrides.filter((one) => !/^\+{0,2}data\.fold=/.test(one)).join("\n");
    groups.set(key, [...(groups.get(key) ?? []), job]);
  }
  return [...groups.values()].flatMap((group) => {
    const folds = new Set(group.map(({ result }) => result.folds?.fold));
    if (folds.size < (group[0]?.result.folds?.count ?? 0)) return [];
    const byFold = group.sort((a, b) => (a.result.folds?.fold ?? 0) - (b.result.folds?.fold ?? 0));
    const runs = byFold.map(({ result }) => result.outputDir);
    const [sweep = ""] = runs.map((dir) => dirname(dir));
    const isAll = group.length === jobs.length && runs.every((dir) => dirname(dir) === sweep);
    return [
      `classifier evaluate --folds ${(isAll ? [sweep] : runs).map((dir) => shellWord(displayPath(dir))).join(" ")}`,
    ];
  });
}

function goodness({ bestScore, mode }: TrainResult): number {
  return bestScore === undefined ? Number.NEGATIVE_INFINITY : mode === "max" ? bestScore : -bestScore;
}

function describeScore({ summary, bestScore, monitor }: TrainResult): string {
  if (summary === undefined || summary.measures !== undefined || !/acc_top1$/.test(monitor))
    return `${monitor} ${bestScore?.toFixed(4) ?? "not measured"}`;
  const { value, low, high } = summary.accuracy;
  return `${percent(value)} (${percent(low)} to ${percent(high)})`;
}
