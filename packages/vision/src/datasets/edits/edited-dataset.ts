import { comparePython } from "@classifier-training/base";
import type { VisionError } from "../../errors.ts";
import { asClassMap, classFinder, indexClasses, isSimilarNames, similarNames } from "../classes.ts";
import { ImageDataset, type LeftOut } from "../dataset.ts";
import { LabelSets } from "../label-sets.ts";
import { withoutImages } from "../open/class-folders.ts";
import type { OpenOptions, SplitOptions } from "../open/options.ts";
import type { SourceSpec } from "../source-spec.ts";
import { emptySplit } from "../split-folder.ts";
import type { Edits } from "./edit-log.ts";
import type { PlacedImage, Pool } from "./placed-images.ts";

/** The images of all parts of the data, after edits. */
export interface EditedImages {
  readonly pools: readonly Pool[];
  readonly byPart: ReadonlyMap<string, readonly PlacedImage[]>;
  /** Paths of the images that edits found beside those that the data has labels of. */
  readonly found: ReadonlySet<string>;
  /** Why a part has no samples without edits. */
  readonly whyEmpty: ReadonlyMap<string, VisionError>;
  readonly notices: readonly string[];
}

interface PartOptions extends SplitOptions, Pick<OpenOptions, "allowEmpty"> {
  readonly name: string;
  readonly edits: Edits;
}

/**
 * A part after edits. Its own images come first, in their order, then those of other parts, then those that had no label.
 * @throws VisionError when it has no samples
 */
export function editedDataset(
  { pools, byPart, found, whyEmpty, notices }: EditedImages,
  part: string,
  { name, edits, classToIdx, task, allowEmpty }: PartOptions,
): ImageDataset {
  const isTrain = part === "train";
  const own = pools.findIndex((pool) => pool.part === part);
  const images = ownFirst(byPart.get(part) ?? [], own);
  const before = pools[own]?.dataset;
  const { inData, had } = classesOf(before, edits);
  const used = new Set(images.flatMap(({ leftOut, labels }) => (leftOut === undefined ? labels : [])));
  if (isTrain) for (const name of edits.state.addedClasses) used.add(name);
  // A class that edits leave no image of goes; one that the data itself has no image of stays.
  for (const name of inData) if (allowEmpty === true || !had.has(name)) used.add(name);
  const without = inData.filter((name) => !used.has(name));
  const classes = classToIdx === undefined ? inOrder(before?.classes ?? [], inData, [...used]) : asClassMap(classToIdx);
  const find = classFinder(classes);
  const dataOf = ({ pool }: PlacedImage) => (pools[pool] as Pool).dataset;
  const pathOf = (image: PlacedImage) => dataOf(image).paths[image.index] as string;
  const whereOf = (image: PlacedImage) =>
    image.line === undefined ? (dataOf(image).labeledAt[image.index] as string) : `${edits.path}:${image.line}`;
  const kept: PlacedImage[] = [];
  const leftOut: LeftOut[] = [];
  for (const image of images) {
    const isKnown = image.labels.every((label) => find(label) !== undefined);
    const reason = image.leftOut ?? (isKnown ? undefined : "label unknown to train");
    if (reason === undefined) kept.push(image);
    else leftOut.push({ reason, path: pathOf(image), label: image.labels.join(", "), where: whereOf(image) });
  }
  if (kept.length === 0) throw whyEmpty.get(part) ?? nothingLeft(edits, name);
  const indicesOf = ({ labels }: PlacedImage) => labels.map((label) => find(label) as number);
  const isMultilabel = task !== "multiclass" && pools.some(({ dataset }) => dataset.labelSets !== undefined);
  const labelSets = isMultilabel ? LabelSets.from(kept.length, (i) => indicesOf(kept[i] as PlacedImage)) : undefined;
  const remarks = [
    ...(before?.remarks ?? []).flatMap((remark) => stillTrue(remark, used)),
    ...(without.length > 0 && classToIdx === undefined ? [withoutImages + without.join(", ")] : []),
    ...(isTrain ? [...similarNames([...classes.keys()]), ...notices] : []),
  ];
  return new ImageDataset({
    name,
    source: sourceOf(pools, kept),
    targets: labelSets?.first() ?? Int32Array.from(kept, (image) => indicesOf(image)[0] as number),
    labelSets,
    classToIdx: classes,
    paths: kept.map(pathOf),
    leftOut: [...leftOut, ...stillLeftOut(before?.leftOut ?? [], edits, found)],
    labeledAt: kept.map(whereOf),
    metadata: kept.map((image) => dataOf(image).metadata[image.index]),
    remarks,
  });
}

/** What the classes of a dataset are called after edits, and which of them it has images of. */
function classesOf(dataset: ImageDataset | undefined, { state }: Edits) {
  const counts = dataset?.classCounts();
  const inData = new Set<string>();
  const had = new Set<string>();
  for (const [k, label] of (dataset?.classes ?? []).entries()) {
    const name = state.classOf(label);
    if (name === null) continue;
    inData.add(name);
    if ((counts?.[k] ?? 0) > 0) had.add(name);
  }
  return { inData: [...inData], had };
}

function ownFirst(images: readonly PlacedImage[], own: number): readonly PlacedImage[] {
  return [...images.filter(({ pool }) => pool === own), ...images.filter(({ pool }) => pool !== own)];
}

/**
 * Classes by their names, sorted as Python sorts, or, of data with another order, in that order with new classes behind.
 * @param before the names before edits
 * @param inData what these are called now
 */
function inOrder(
  before: readonly string[],
  inData: readonly string[],
  names: readonly string[],
): ReadonlyMap<string, number> {
  const isSorted = before.every((name, i) => i === 0 || comparePython(before[i - 1] as string, name) <= 0);
  if (isSorted) return indexClasses(names);
  const present = new Set(names);
  const kept = inData.filter((name) => present.has(name));
  const others = names.filter((name) => !inData.includes(name)).sort(comparePython);
  return new Map([...new Set([...kept, ...others])].map((name, index) => [name, index]));
}

/** What a layout has left out and edits did not find, but those that they leave out, too. */
function stillLeftOut(before: readonly LeftOut[], edits: Edits, found: ReadonlySet<string>): LeftOut[] {
  const { excluded } = edits.state;
  return before.flatMap((left) => {
    if (found.has(left.path)) return [];
    return excluded.has(edits.nameOf(left.path)) ? { ...left, reason: "excluded" } : left;
  });
}

function sourceOf(pools: readonly Pool[], kept: readonly PlacedImage[]): SourceSpec {
  const parts: { of: SourceSpec; length: number }[] = [];
  for (let start = 0; start < kept.length; ) {
    const { pool } = kept[start] as PlacedImage;
    let end = start;
    while (kept[end]?.pool === pool) end++;
    const { source: of, length } = (pools[pool] as Pool).dataset;
    const indices = Int32Array.from(kept.slice(start, end), ({ index }) => index);
    const isWhole = indices.length === length && indices.every((index, i) => index === i);
    parts.push({ of: isWhole ? of : { kind: "subset", of, indices }, length: indices.length });
    start = end;
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only.of : { kind: "concat", parts };
}

/** A remark on classes after edits. */
function stillTrue(remark: string, used: ReadonlySet<string>): string[] {
  if (isSimilarNames(remark)) return [];
  if (!remark.startsWith(withoutImages)) return [remark];
  const names = remark.slice(withoutImages.length).split(", ");
  const others = names.filter((name) => !used.has(name));
  return others.length === 0 ? [] : [withoutImages + others.join(", ")];
}

function nothingLeft({ folder }: Edits, name: string): VisionError {
  return emptySplit(
    folder,
    `edits leave no labeled image of ${name}`,
    "take edits back: `classifier data edits PATH --undo`",
  );
}
