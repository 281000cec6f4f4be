import { computed } from "@preact/signals";
import type { RunSummary } from "../../src/api-types.ts";
import { type Mark, styleOf } from "../charts/marks.ts";
import { listParam, setParams } from "./params.ts";
import { listedRuns, runs } from "./runs.ts";
import { theme } from "./theme.ts";

/** Without a choice in the address, the newest trainings are shown. */
const shownAtFirst = 3;

/** A place for each color: a run keeps its own when others are added or taken away. */
const chosen = listParam("run");

const slots = computed((): readonly string[] => {
  if (chosen.value !== undefined) return chosen.value;
  const trainings = listedRuns.value.filter(({ kind }) => kind === "train");
  return (trainings.length > 0 ? trainings : listedRuns.value).slice(0, shownAtFirst).map(({ key }) => key);
});

export const selectedKeys = computed(() => slots.value.filter((key) => key !== ""));

export interface SelectedRun {
  readonly run: RunSummary;
  readonly color: string;
  readonly mark: Mark;
}

/** The runs that are shown, with their colors, by place. */
export const selectedRuns = computed((): readonly SelectedRun[] =>
  slots.value.flatMap((key, slot) => {
    const run = runs.value.get(key);
    return run === undefined ? [] : [{ run, ...styleOf(slot, theme.value) }];
  }),
);

/** The color of a run that is shown, and the shape on its curves. */
export const styles = computed(
  () => new Map(slots.value.flatMap((key, slot) => (key === "" ? [] : [[key, styleOf(slot, theme.value)] as const]))),
);

/** Shows a run, or no longer. */
export function toggle(key: string): void {
  const next = [...slots.value];
  const at = next.indexOf(key);
  const free = next.indexOf("");
  if (at >= 0) next[at] = "";
  else if (free >= 0) next[free] = key;
  else next.push(key);
  while (next.length > 0 && next.at(-1) === "") next.pop();
  select(next);
}

/** Shows these runs only; runs that are shown keep their colors. */
export function selectOnly(keys: readonly string[]): void {
  const kept = slots.value.map((key) => (keys.includes(key) ? key : ""));
  const added = keys.filter((key) => !kept.includes(key));
  const next = kept.map((key) => key || (added.shift() ?? ""));
  next.push(...added);
  while (next.length > 0 && next.at(-1) === "") next.pop();
  select(next);
}

function select(keys: readonly string[]): void {
  // An empty value says that nothing is shown by choice.
  setParams({ run: keys.length === 0 ? [""] : keys });
}
