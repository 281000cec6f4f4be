import { plural } from "@classifier-training/base";
import type { Image } from "@classifier-training/image";
import { countExtensions } from "@classifier-training/image/files";
import { VisionError } from "../errors.ts";
import { indexClasses } from "./classes.ts";
import type { LabelSets, Task } from "./label-sets.ts";
import { openSource } from "./source.ts";
import type { ImageSource, ImageStep, SourceSpec } from "./source-spec.ts";

export interface LabeledImage {
  readonly image: Image;
  /** Class index; of several labels the first one, and -1 where there is none. */
  readonly label: number;
}

/** Why a file or a row is not among the samples. */
export type LeftOutReason =
  | "no label"
  | "label unknown to train"
  | "image missing"
  | "named by no annotation"
  | "in no class folder"
  | "format not read"
  /** By an edit. */
  | "excluded";

/** A file or a row of a listing that is not among the samples. */
export interface LeftOut {
  readonly reason: LeftOutReason;
  readonly path: string;
  /** Empty where it has none. */
  readonly label: string;
  /** File and line of the row; the path where there is none. */
  readonly where: string;
  /** What its row says beside the label. */
  readonly metadata?: SampleMetadata | undefined;
}

export type SampleMetadata = Readonly<Record<string, unknown>>;

/** What samplers, loaders and reports need of an image dataset. */
export interface ImageDatasetInit {
  /** What it is called in messages: a path or a split. */
  readonly name: string;
  readonly source: SourceSpec;
  /** Class index of each image. Of a multilabel dataset: `labelSets.first()`. */
  readonly targets: Int32Array;
  /** The classes of each image of a multilabel dataset. */
  readonly labelSets?: LabelSets | undefined;
  readonly classToIdx: ReadonlyMap<string, number>;
  /** What each image is called in messages; the file's path where there is one. */
  readonly paths: readonly string[];
  /** Rows and files that are not among the samples. */
  readonly leftOut?: readonly LeftOut[];
  /** Where the label of each image is written (file and line); the paths by default. */
  readonly labeledAt?: readonly string[];
  /** What is written about each image beside its label. */
  readonly metadata?: readonly (SampleMetadata | undefined)[];
  /** What a user should know of how the files were read. */
  readonly remarks?: readonly string[];
}

/**
 * Labeled images that are decoded on access. What it holds is plain data, so that a worker thread opens the same
 * images from `source`.
 */
export class ImageDataset {
  readonly name: string;
  readonly source: SourceSpec;
  readonly targets: Int32Array;
  readonly labelSets: LabelSets | undefined;
  readonly classToIdx: ReadonlyMap<string, number>;
  readonly paths: readonly string[];
  readonly leftOut: readonly LeftOut[];
  readonly labeledAt: readonly string[];
  readonly metadata: readonly (SampleMetadata | undefined)[];
  readonly remarks: readonly string[];
  #opened: Promise<ImageSource> | undefined;

  constructor(init: ImageDatasetInit) {
    const { name, source, targets, labelSets, classToIdx, paths, leftOut = [], labeledAt = paths } = init;
    const { metadata = new Array<undefined>(paths.length).fill(undefined), remarks = [] } = init;
    if (paths.length !== targets.length || (labelSets ?? targets).length !== targets.length) {
      throw new VisionError({
        code: "vision/dataset",
        what: `${name}: expected one label per image, received ${paths.length} images and ${(labelSets ?? targets).length} labels`,
      });
    }
    this.name = name;
    this.source = source;
    this.targets = targets;
    this.labelSets = labelSets;
    this.classToIdx = classToIdx;
    this.paths = paths;
    this.leftOut = leftOut;
    this.labeledAt = labeledAt;
    this.metadata = metadata;
    this.remarks = remarks;
  }

  /** Number of images. */
  get length(): number {
    return this.targets.length;
  }

  get task(): Task {
    return this.labelSets === undefined ? "multiclass" : "multilabel";
  }

  /** Class names by index. */
  get classes(): string[] {
    const names: string[] = [];
    for (const [name, index] of this.classToIdx) names[index] = name;
    return names;
  }

  /** How many rows and files were left out, by reason. */
  get skipped(): Readonly<Partial<Record<LeftOutReason, number>>> {
    const counts: Partial<Record<LeftOutReason, number>> = {};
    for (const { reason } of this.leftOut) counts[reason] = (counts[reason] ?? 0) + 1;
    return counts;
  }

  /** A line for each reason why something is not among the samples, and what else is to be known of how it was read. */
  notices(): string[] {
    // What edits leave out is in their own line.
    const reasons = Object.entries(this.skipped).filter(([reason]) => reason !== "excluded");
    const lines = reasons.map(([reason, count]) => {
      const same = this.leftOut.filter((left) => left.reason === reason);
      const which =
        reason === "format not read" ? countExtensions(same.map(({ path }) => path)) : `such as ${same[0]?.where}`;
      return `${plural(count, "image")} left out (${reason}): ${which}`;
    });
    return [...lines, ...this.remarks];
  }

  /** Number of images of each class. */
  classCounts(): Int32Array {
    const counts = new Int32Array(this.classToIdx.size);
    for (const target of this.labelSets?.classes ?? this.targets) counts[target]!++;
    return counts;
  }

  /** The classes of an image: one, or in a multilabel dataset any number, ascending. */
  labelsOf(index: number): Int32Array {
    return this.labelSets?.of(index) ?? this.targets.subarray(index, index + 1);
  }

  /** One decoded image with its label. @throws VisionError naming the file, if it is missing or broken. */
  async get(index: number): Promise<LabeledImage> {
    this.#opened ??= openSource(this.source);
    const source = await this.#opened;
    return { image: await source.read(index), label: this.targets[index] as number };
  }

  /** The same images among more classes, in the order that `indexClasses` gives to all of them. */
  withClasses(names: readonly string[]): ImageDataset {
    const classToIdx = indexClasses([...this.classes, ...names]);
    if (classToIdx.size === this.classToIdx.size) return this;
    const indices = this.classes.map((name) => classToIdx.get(name) as number);
    const { name, source, labelSets, paths, leftOut, labeledAt, metadata, remarks } = this;
    const targets = this.targets.map((target) => (target < 0 ? target : (indices[target] as number)));
    if (labelSets !== undefined) {
      throw new VisionError({ code: "vision/dataset", what: `${name} is multilabel: it takes no further classes` });
    }
    return new ImageDataset({ name, source, targets, classToIdx, paths, leftOut, labeledAt, metadata, remarks });
  }

  /** These images, and those of another dataset with the same classes behind them. */
  concat(other: ImageDataset): ImageDataset {
    const known = [...other.classToIdx].every(([name, index]) => this.classToIdx.get(name) === index);
    if (!known) {
      throw new VisionError({
        code: "vision/dataset",
        what: `${other.name} has another class_to_idx than ${this.name}`,
        fix: "open both with the same classToIdx",
      });
    }
    if (this.task !== other.task) {
      throw new VisionError({
        code: "vision/dataset",
        what: `${other.name} is ${other.task}, and ${this.name} is ${this.task}`,
        fix: "open both with the same task",
      });
    }
    const parts = [this, other].map(({ source, length }) => ({ of: source, length }));
    return new ImageDataset({
      name: this.name,
      source: { kind: "concat", parts },
      targets: Int32Array.from([...this.targets, ...other.targets]),
      labelSets: other.labelSets && this.labelSets?.concat(other.labelSets),
      classToIdx: this.classToIdx,
      paths: [...this.paths, ...other.paths],
      leftOut: this.leftOut,
      labeledAt: [...this.labeledAt, ...other.labeledAt],
      metadata: [...this.metadata, ...other.metadata],
      remarks: this.remarks,
    });
  }

  /** The same images, each changed by a step. */
  withStep(step: ImageStep): ImageDataset {
    return this.readAs({ kind: "stepped", of: this.source, step });
  }

  /**
   * The chosen images only, in the given order.
   * @param about its name, and what the user should know of it; by default nothing was left out
   */
  subset(
    indices: ArrayLike<number>,
    about: Partial<Pick<ImageDatasetInit, "name" | "leftOut" | "remarks">> = {},
  ): ImageDataset {
    const chosen = Array.from(indices);
    return new ImageDataset({
      name: this.name,
      ...about,
      source: { kind: "subset", of: this.source, indices: Int32Array.from(chosen) },
      targets: Int32Array.from(chosen, (index) => this.targets[index] as number),
      labelSets: this.labelSets?.subset(chosen),
      classToIdx: this.classToIdx,
      paths: chosen.map((index) => this.paths[index] as string),
      labeledAt: chosen.map((index) => this.labeledAt[index] as string),
      metadata: chosen.map((index) => this.metadata[index]),
    });
  }

  /** The same samples, read through another source. */
  readAs(source: SourceSpec): ImageDataset {
    return new ImageDataset({ ...this.#init(), source });
  }

  /** The same samples, with something more to know about how they were read. */
  withRemark(remark: string): ImageDataset {
    return new ImageDataset({ ...this.#init(), remarks: [...this.remarks, remark] });
  }

  #init(): ImageDatasetInit {
    const { name, source, targets, labelSets, classToIdx, paths, leftOut, labeledAt, metadata, remarks } = this;
    return { name, source, targets, labelSets, classToIdx, paths, leftOut, labeledAt, metadata, remarks };
  }
}
