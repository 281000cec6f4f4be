import type { RunSummary } from "../../../src/api-types.ts";
import { columnOf } from "../../state/columns.ts";
import { shortNumber } from "../../state/format.ts";
import { param } from "../../state/params.ts";

/** The column, and `-` before it for the greatest first. */
export const sortBy = param("sort", "-started");
/** The column whose equal values stand together. */
export const groupBy = param("group");

export type Row =
  | { readonly kind: "group"; readonly id: string; readonly title: string; readonly runs: readonly RunSummary[] }
  | { readonly kind: "run"; readonly id: string; readonly run: RunSummary };

/** The rows of the table. */
export function rowsOf(runs: readonly RunSummary[], sort: string, group: string): readonly Row[] {
  const sorted = sortedRuns(runs, sort);
  const column = group === "" ? undefined : columnOf(group);
  if (column === undefined) return sorted.map((run) => ({ kind: "run", id: run.key, run }));
  const groups = new Map<string, RunSummary[]>();
  for (const run of sorted) groups.set(column.text(run), [...(groups.get(column.text(run)) ?? []), run]);
  return [...groups].flatMap(([value, members]): Row[] => [
    { kind: "group", id: `group ${value}`, title: `${column.title}: ${value === "" ? "none" : value}`, runs: members },
    ...members.map((run): Row => ({ kind: "run", id: run.key, run })),
  ]);
}

function sortedRuns(runs: readonly RunSummary[], sort: string): readonly RunSummary[] {
  const column = columnOf(sort.replace(/^-/, ""));
  if (column === undefined) return runs;
  const direction = sort.startsWith("-") ? -1 : 1;
  const collator = new Intl.Collator("en", { numeric: true });
  const keyed = runs.map((run) => ({ run, value: column.value(run) }));
  keyed.sort(({ value: a }, { value: b }) => {
    // What has no value stands last, in either direction.
    if (a === undefined || a === "") return b === undefined || b === "" ? 0 : 1;
    if (b === undefined || b === "") return -1;
    const order = typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
    return direction * order;
  });
  return keyed.map(({ run }) => run);
}

/** Mean and standard deviation of what a group's runs have of a column; `undefined` for text. */
export function groupText(
  runs: readonly RunSummary[],
  values: (run: RunSummary) => string | number | undefined,
): string {
  const numbers = runs.map(values).filter((value) => typeof value === "number");
  if (numbers.length === 0) return "";
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const text = (value: number) => shortNumber(Number(value.toPrecision(3)));
  if (numbers.length === 1) return text(mean);
  const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (numbers.length - 1);
  return `${text(mean)} ± ${shortNumber(Number(Math.sqrt(variance).toPrecision(2)))}`;
}
