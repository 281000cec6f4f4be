import type { Classifier } from "@classifier-training/inference";
import { type Interval, wilsonInterval } from "@classifier-training/runs";
import type { LabeledFile } from "./predict-split.ts";

/** Images of one thing, such as the frames of a track, and their common answer. */
export interface GroupPrediction {
  readonly group: string;
  readonly images: number;
  readonly true: string;
  readonly predicted: string;
  readonly confidence: number;
}

/** How a model did on groups of images. */
export interface GroupEvaluation {
  /** The column or pattern. */
  readonly by: string;
  /** Of the groups whose images have one label. */
  readonly accuracy: Interval;
  /** Of the images in these groups, each by itself. */
  readonly images: Interval;
  readonly groups: readonly GroupPrediction[];
  /** Groups whose images have several labels: they have no right answer, and are not counted. */
  readonly mixed: readonly { readonly group: string; readonly images: number; readonly labels: readonly string[] }[];
  /** How many images have no group: each is one of its own. */
  readonly ungrouped: number;
}

/** @param groups of each image; undefined where it has none @param logits of each image */
export function evaluateGroups(
  by: string,
  groups: readonly (string | undefined)[],
  classifier: Classifier,
  images: readonly Pick<LabeledFile, "path" | "label">[],
  logits: readonly Float32Array[],
  correct: readonly boolean[],
): GroupEvaluation {
  const members = membersOf(
    groups,
    images.map(({ path }) => path),
  );
  const mixed: GroupEvaluation["mixed"][number][] = [];
  const counted: GroupPrediction[] = [];
  const rights: boolean[] = [];
  for (const [group, own] of members) {
    const labels = [...new Set(own.map((i) => images[i]?.label ?? ""))];
    const [label = "", ...others] = labels;
    if (others.length > 0) {
      mixed.push({ group, images: own.length, labels });
      continue;
    }
    const [best] = classifier.classesOf(classifier.vote(own.map((i) => logits[i] as Float32Array)), 1);
    const { label: predicted = "", probability: confidence = Number.NaN } = best ?? {};
    counted.push({ group, images: own.length, true: label, predicted, confidence });
    rights.push(...own.map((i) => correct[i] === true));
  }
  return {
    by,
    accuracy: wilsonInterval(counted.filter((one) => one.true === one.predicted).length, counted.length),
    images: wilsonInterval(rights.filter(Boolean).length, rights.length),
    groups: counted,
    mixed,
    ungrouped: groups.filter((group) => group === undefined).length,
  };
}

/** The places of the images of each group; an image without one is a group of its own, called by its path. */
export function membersOf(
  groups: readonly (string | undefined)[],
  paths: readonly string[],
): Map<string, readonly number[]> {
  const members = new Map<string, number[]>();
  for (const [i, group] of groups.entries()) {
    const name = group ?? (paths[i] as string);
    const own = members.get(name);
    if (own === undefined) members.set(name, [i]);
    else own.push(i);
  }
  return members;
}
