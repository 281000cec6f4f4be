import { type Split, splitOf } from "@classifier-training/base";
import { VisionError } from "../../errors.ts";
import type { ImageDataset, LeftOutReason } from "../dataset.ts";
import type { Edits } from "./edit-log.ts";

/** Images that were opened, before edits. */
export interface Pool {
  readonly dataset: ImageDataset;
  /** The split or part that they are; undefined where the name of each says it. */
  readonly part: string | undefined;
}

/** An image after edits. */
export interface PlacedImage {
  readonly pool: number;
  /** In the pool. */
  readonly index: number;
  readonly name: string;
  readonly part: string;
  readonly labels: readonly string[];
  /** Why it is not a sample; undefined where it is one. */
  readonly leftOut: LeftOutReason | undefined;
  /** The line of the log that gave it its label; undefined where that is the data's own. */
  readonly line: number | undefined;
  /** Whether an edit assigned it to its part. */
  readonly isAssigned: boolean;
}

/** What edits did, in numbers of images. */
export interface EditCounts {
  changed: number;
  labeled: number;
  unlabeled: number;
  added: number;
  assigned: number;
}

/**
 * Applies edits to images: what they are labeled, in which part they are, and whether they are left out.
 * @throws VisionError for a label of an image that has several
 */
export function placeImages(edits: Edits, pools: readonly Pool[]): { images: PlacedImage[]; counts: EditCounts } {
  const { state } = edits;
  const counts: EditCounts = { changed: 0, labeled: 0, unlabeled: 0, added: 0, assigned: 0 };
  const images: PlacedImage[] = [];
  const namesOf = pools.map(({ dataset }) => dataset.classes.map((name) => state.classOf(name)));
  const spell = speller(namesOf.flat().filter((name) => name !== null));
  for (const [pool, { dataset, part }] of pools.entries()) {
    const names = namesOf[pool] as readonly (string | null)[];
    for (let index = 0; index < dataset.length; index++) {
      const name = edits.nameOf(dataset.paths[index] as string);
      const before = Array.from(dataset.labelsOf(index)).filter((label) => label >= 0);
      const edited = state.labelOf(name);
      if (edited !== undefined && before.length > 1) throw severalLabels(name, before.length, edits, edited.line);
      const own = before.flatMap((label) => names[label] ?? []);
      const labels = edited === undefined ? own : edited.label === null ? [] : [spell(edited.label)];
      const assigned = state.splits.get(name);
      const isUnlabeled = labels.length === 0 && (edited !== undefined || dataset.labelSets === undefined);
      const leftOut = state.excluded.has(name) ? "excluded" : isUnlabeled ? "no label" : undefined;
      if (leftOut !== "excluded" && state.added.has(name)) counts.added += labels.length;
      else if (leftOut !== "excluded" && edited !== undefined && labels[0] !== own[0]) {
        counts[labels.length === 0 ? "unlabeled" : own.length === 0 ? "labeled" : "changed"]++;
      }
      if (leftOut === undefined && assigned !== undefined) counts.assigned++;
      images.push({
        ...{ pool, index, name, labels, leftOut },
        part: assigned ?? part ?? splitIn(name),
        line: edited?.line,
        isAssigned: assigned !== undefined,
      });
    }
  }
  return { images, counts };
}

/** The split of an image that no layout speaks of: of the first folder that is called so. */
function splitIn(name: string): Split {
  for (const folder of name.split("/").slice(0, -1)) {
    const split = splitOf(folder);
    if (split !== undefined) return split;
  }
  return "train";
}

/** Writes a class as the data does, whose names may be in another Unicode normalization (folders from a Mac). */
function speller(classes: readonly string[]): (name: string) => string {
  const known = new Set(classes);
  const byForm = new Map(classes.map((name) => [name.normalize("NFC"), name]));
  return (name) => (known.has(name) ? name : (byForm.get(name.normalize("NFC")) ?? name));
}

function severalLabels(name: string, count: number, edits: Edits, line: number): VisionError {
  return new VisionError({
    code: "vision/edits",
    what: `an edit gives ${name} one label, and it has ${count}: images of several labels can be left out, split, and have their classes renamed`,
    where: `${edits.path}:${line}`,
    fix: "take the edit back, and correct the labels in the data's own files",
  });
}
