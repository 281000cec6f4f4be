import type { Split } from "@classifier-training/base";
import { LightningDataModule } from "@classifier-training/lightning";
import type { LabelsMapping, SplitRecord } from "@classifier-training/runs";
import type { Tensor } from "@classifier-training/torch";
import type { Task } from "@classifier-training/vision";
import type { Normalization } from "./preprocessing.ts";

/** One annotated sample of a split, as reports name it. */
export interface SampleInfo {
  readonly path: string;
  /** Class index. Of a multilabel sample: one of its classes, or -1. */
  readonly label: number;
  /** The classes of a multilabel sample, ascending. */
  readonly labels?: Int32Array | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** What the training data is like, for rules that choose a recipe. */
export interface TrainingData {
  readonly samples: number;
  readonly validationSamples: number;
  readonly classes: number;
  /** Images of the smallest class, and of the largest. */
  readonly smallest: number;
  readonly largest: number;
  /** Median of the shorter sides of a few images, in pixels. */
  readonly side: number;
}

/** What the callbacks of this package need to know of the data, whichever kind it is. */
export abstract class ClassificationDataModule extends LightningDataModule {
  /** Class names by index. */
  abstract readonly classNames: readonly string[];
  /** The samples of a split in the order of the dataset; empty until `setup` made the split. */
  abstract samples(split: Split): readonly SampleInfo[];
  /** Weights of the classes in the loss, [K]; multilabel: of their positive samples. Needs `setup("fit")`. */
  abstract getClassWeights(): Tensor;
  /** Training samples of each class. Needs `setup("fit")`. */
  classCounts(): readonly number[] {
    const counts = this.classNames.map(() => 0);
    for (const { label } of this.samples("train")) counts[label] = (counts[label] ?? 0) + 1;
    return counts;
  }
  /** How often an epoch samples each class, in proportion. Needs `setup("fit")`. */
  sampledClassCounts(): readonly number[] {
    return this.classCounts();
  }
  /** Indices sampled for the last training epoch; undefined when every sample is used once. */
  abstract drawnIndices(): readonly number[] | undefined;
  /** What `labels_mapping.json` says: classes, normalization, geometry. */
  abstract labelsMapping(): LabelsMapping;
  /** Width and height of the network's input in pixels. */
  abstract readonly imageSize: number;

  /** How the images were split, after `setup`; undefined where the data has its splits. */
  get splitRecord(): SplitRecord | undefined {
    return undefined;
  }

  /** Gives images the sides that a run has recorded, and makes no split anew. Before `setup`. */
  useRecordedSplit(_record: SplitRecord): void {}

  /** Takes over what another module has opened, where it is the same data. Before `setup`. */
  shareOpened(_other: ClassificationDataModule): void {}

  /** What the images of a split are normalized with. */
  normalization(_split: Split): Normalization {
    return this.labelsMapping().normalization;
  }

  /** Normalizes the images of all splits like this from now on. @returns false where it cannot */
  setNormalization(_normalization: Normalization): boolean {
    return false;
  }

  /** Whether samples have one label each or any number. */
  get task(): Task {
    return "multiclass";
  }

  /** Undefined for data that does not say. Opens the data, before `setup` or after. */
  async describeTraining(): Promise<TrainingData | undefined> {
    return undefined;
  }

  get numClasses(): number {
    return this.classNames.length;
  }
}

/** The data module of a trainer, when it is one of ours. */
export function classificationData(datamodule: object | undefined): ClassificationDataModule | undefined {
  return datamodule instanceof ClassificationDataModule ? datamodule : undefined;
}

/** How many samples each class has. */
export function countLabels(samples: Iterable<Pick<SampleInfo, "label" | "labels">>, numClasses: number): number[] {
  const counts = new Array<number>(numClasses).fill(0);
  for (const { label, labels = [label] } of samples) {
    for (const index of labels) counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}
