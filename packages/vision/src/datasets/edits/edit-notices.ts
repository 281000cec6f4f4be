import { existsSync } from "node:fs";
import { join } from "node:path";
import { plural } from "@classifier-training/base";
import type { Edits } from "./edit-log.ts";
import type { EditCounts } from "./placed-images.ts";

/**
 * What edits did, in one line: `edits: 12 labels changed, 3 images left out, 40 added`; then what else a user should know.
 * @param known names of the images that are there
 */
export function editNotices(edits: Edits, counts: EditCounts, known: ReadonlySet<string>): string[] {
  const { state } = edits;
  const renamed = [...state.renamedClasses.values()];
  const removed = renamed.filter((name) => name === null).length;
  const isThere = (name: string) => known.has(name) || existsSync(join(edits.folder, name));
  const excluded = [...state.excluded.keys()].filter(isThere).length;
  const done = [
    some(counts.changed, "label changed", "labels changed"),
    some(counts.labeled, "image labeled", "images labeled"),
    some(counts.unlabeled, "label removed", "labels removed"),
    some(excluded, "image left out", "images left out"),
    some(counts.added, "added", "added"),
    some(counts.assigned, "assigned to a split", "assigned to a split"),
    some(renamed.length - removed, "class renamed", "classes renamed"),
    some(removed, "class removed", "classes removed"),
    some(state.addedClasses.length, "class added", "classes added"),
  ].flatMap((text) => text ?? []);
  // A label of an image that is there would have made it known.
  const labeled = [...state.labels].flatMap(([name, label]) => (label === null ? [] : [name]));
  const others = [...state.excluded.keys(), ...state.splits.keys(), ...state.added.keys()];
  const gone = [
    ...new Set([...labeled.filter((name) => !known.has(name)), ...others.filter((name) => !isThere(name))]),
  ];
  return [
    ...(done.length === 0 ? [] : [`edits: ${done.join(", ")}`]),
    ...(gone.length === 0
      ? []
      : [`edits of ${plural(gone.length, "image")} that are not in the data: such as ${gone[0]}`]),
    ...edits.notices,
  ];
}

function some(count: number, one: string, several: string): string | undefined {
  return count === 0 ? undefined : `${count} ${count === 1 ? one : several}`;
}
