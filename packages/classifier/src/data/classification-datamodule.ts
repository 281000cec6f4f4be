import type { Split } from "@classifier-training/base";
import { LightningDataModule } from "@classifier-training/lightning";
import type { LabelsMapping } from "@classifier-training/runs";
import type { Tensor } from "@classifier-training/torch";

/** One annotated sample of a split, as reports name it. */
export interface SampleInfo {
  readonly path: string;
  readonly label: number;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** What the callbacks of this package need to know of the data, whichever kind it is. */
export abstract class ClassificationDataModule extends LightningDataModule {
  /** Class names by index. */
  abstract readonly classNames: readonly string[];
  /** The samples of a split in data set order; empty until `setup` made the split. */
  abstract samples(split: Split): readonly SampleInfo[];
  /** Weights of the classes in the loss, [K]. Needs `setup("fit")`. */
  abstract getClassWeights(): Tensor;
  /** Indices drawn by the training sampler in the last epoch; undefined when every sample is drawn once. */
  abstract drawnIndices(): readonly number[] | undefined;
  /** What `labels_mapping.json` says: classes, normalisation, geometry. */
  abstract labelsMapping(): LabelsMapping;
  /** Width and height of the network's input in pixels. */
  abstract readonly imageSize: number;

  get numClasses(): number {
    return this.classNames.length;
  }
}

/** The data module of a trainer, when it is one of ours. */
export function classificationData(datamodule: object | undefined): ClassificationDataModule | undefined {
  return datamodule instanceof ClassificationDataModule ? datamodule : undefined;
}
