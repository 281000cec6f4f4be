import { relative } from "node:path";
import {
  CtError,
  getLogger,
  optionsTarget,
  parseOptions,
  plural,
  progressInLog,
  type Split,
  splitFolderNames,
  type TargetTable,
} from "@classifier-training/base";
import { SyntheticNumbers, TrimBars } from "@classifier-training/jersey";
import type { LabelsMapping, SplitRecord } from "@classifier-training/runs";
import { fromTypedArray, type Tensor } from "@classifier-training/torch";
import {
  cached,
  DataLoader,
  type DataLoaderOptions,
  hashDataset,
  type ImageDataset,
  type ImageStep,
  JsonlDataset,
  RepeatedAugmentationSampler,
  type Sampler,
  SubsetSampler,
  SubstitutingSampler,
  type Task,
  type Transform,
  WeightedRandomSampler,
} from "@classifier-training/vision";
import { classWeights, positiveWeights } from "./class-weights.ts";
import { ClassificationDataModule, type SampleInfo, type TrainingData } from "./classification-datamodule.ts";
import { hashOfContent, hashOfNames } from "./content-hashes.ts";
import { defaultTransform } from "./default-transforms.ts";
import { describeSplit, missingClasses } from "./describe-split.ts";
import { FeatureLoader, type FeatureTable } from "./feature-loader.ts";
import { medianSide } from "./image-sides.ts";
import { logSplit, OpenedSplits } from "./opened-splits.ts";
import {
  type ImageFolderDataModuleInput,
  type ImageFolderDataModuleOptions,
  imageFolderDataModuleOptionsSchema,
} from "./options.ts";
import {
  forInputSize,
  labelsMappingOf,
  type Normalization,
  normalizationOf,
  withNormalization,
} from "./preprocessing.ts";
import { splitRecordOf } from "./split-options.ts";
import { sampledClassCounts, trainSampler } from "./train-sampler.ts";

const log = getLogger("classifier.data");

/**
 * Images in the splits of one root, in whatever layout `openData` recognizes. The classes are those of `train`.
 */
export class ImageFolderDataModule extends ClassificationDataModule {
  readonly options: ImageFolderDataModuleOptions;
  /** Of the loaders that are made from now on: `BatchSizeFinder` changes it. */
  batchSize: number;
  #openedSplits: OpenedSplits | undefined;
  #before: OpenedSplits | undefined;
  #recorded: SplitRecord | undefined;
  #splitRecord: SplitRecord | undefined;
  readonly #datasets = new Map<Split, ImageDataset>();
  readonly #asOpened = new Map<Split, ImageDataset>();
  /** With synthetic images, before any step. */
  readonly #asStored = new Map<Split, ImageDataset>();
  readonly #features = new Map<Split, FeatureTable>();
  #sampler: SubstitutingSampler | undefined;
  #evaluationSize: number | undefined;
  #normalization: Normalization | undefined;
  #syntheticFolder: string | undefined;
  /** How many synthetic images follow the others in the training data. */
  #syntheticCount = 0;
  readonly #trainSteps = new Map<string, ImageStep>();
  #trainEnabled: Uint8Array | undefined;
  #contents: Readonly<Record<string, string>> | undefined;

  /** @throws z.ZodError for an option that is unknown or has a wrong value */
  constructor(options: ImageFolderDataModuleInput) {
    super();
    this.options = parseOptions("ImageFolderDataModule", imageFolderDataModuleOptionsSchema, options);
    this.batchSize = this.options.batchSize;
  }

  get classNames(): readonly string[] {
    return this.#dataset("train").classes;
  }

  override get task(): Task {
    return this.#dataset("train").task;
  }

  get imageSize(): number {
    return this.options.imageSize;
  }

  /** Width and height of the images of validation and test in pixels, where it is not the training's. */
  get evaluationSize(): number {
    return this.#evaluationSize ?? this.imageSize;
  }

  /** Prepares validation and test images for another size from now on. @returns false where their transforms do not allow it */
  setEvaluationSize(size: number): boolean {
    this.#evaluationSize = undefined;
    const transforms = (["val", "test"] as const).map((split) => this.#transform(split));
    if (transforms.some((transform) => forInputSize(transform, this.imageSize, size) === undefined)) return false;
    if (size !== this.imageSize) this.#evaluationSize = size;
    return true;
  }

  override get splitRecord(): SplitRecord | undefined {
    return this.#splitRecord;
  }

  override useRecordedSplit(record: SplitRecord): void {
    this.#recorded = record;
  }

  override shareOpened(other: ClassificationDataModule): void {
    if (other instanceof ImageFolderDataModule) this.#before = other.#opened;
  }

  /** Generates the synthetic images of a training. */
  override async prepareData(): Promise<void> {
    const { synthetic } = this.options;
    const trains = this.trainer === undefined || this.trainer.fn === "fit";
    if (synthetic == null || !trains || this.#syntheticFolder !== undefined) return;
    this.#syntheticFolder = await new SyntheticNumbers(synthetic).generate(await this.#opened.open("train"));
  }

  override async setup(stage: "fit" | "validate" | "test" | "predict"): Promise<void> {
    await this.#open("train");
    await this.#open(stage === "test" ? "test" : "val");
  }

  samples(split: Split): readonly SampleInfo[] {
    const dataset = this.#datasets.get(split);
    if (dataset === undefined) return [];
    return dataset.paths.map((path, i) => ({
      path: relative(process.cwd(), path),
      label: dataset.targets[i] as number,
      labels: dataset.labelSets?.of(i),
      metadata: dataset.metadata[i],
    }));
  }

  override async describeTraining(): Promise<TrainingData> {
    const [train, val] = [await this.#opened.open("train"), await this.#opened.open("val")];
    const counts = train.classCounts();
    return {
      samples: train.length,
      validationSamples: val.length,
      classes: counts.length,
      smallest: counts.reduce((least, count) => Math.min(least, count), train.length),
      largest: counts.reduce((most, count) => Math.max(most, count), 0),
      side: await medianSide(train),
    };
  }

  /** The images of a split as they are on disk, without synthetic ones; undefined until `setup` opened it. */
  images(split: Split): ImageDataset | undefined {
    return this.#asOpened.get(split);
  }

  /** Adds a step between the (cached) training images and their transforms, or replaces the one of the same name. */
  setTrainStep(step: ImageStep): void {
    this.#trainSteps.set(step.name, step);
  }

  /** Which training images are sampled: all (1), but those set to 0, which others replace. */
  get trainEnabled(): Uint8Array {
    this.#trainEnabled ??= new Uint8Array(this.#dataset("train").length).fill(1);
    return this.#trainEnabled;
  }

  /** These training images in order, changed by a step and preprocessed as in validation. */
  inspectionLoader(indices: ArrayLike<number>, step: ImageStep): DataLoader {
    const { batchSize } = this.options;
    return this.#inOrder(this.#dataset("train").withStep(step), indices, { batchSize: 4 * batchSize, onError: "skip" });
  }

  /** These images of a split in order, preprocessed as in validation. */
  orderedLoader(split: Split, indices: ArrayLike<number>): DataLoader {
    const { batchSize, onError } = this.options;
    return this.#inOrder(this.#dataset(split), indices, { batchSize, onError });
  }

  #inOrder(
    dataset: ImageDataset,
    indices: ArrayLike<number>,
    options: Pick<DataLoaderOptions, "batchSize" | "onError">,
  ) {
    const { numWorkers, seed } = this.options;
    return new DataLoader(dataset, {
      ...options,
      // A worker starts in the time of a batch.
      numWorkers: indices.length > this.batchSize ? numWorkers : 0,
      sampler: new SubsetSampler(indices, { shuffle: false }),
      seed,
      transform: this.#transform("val"),
    });
  }

  getClassWeights(): Tensor {
    const { task, length } = this.#dataset("train");
    const { classWeights: weighting } = this.options;
    const counts = this.classCounts();
    const weights =
      task === "multilabel" ? positiveWeights(counts, length, weighting) : classWeights(counts, weighting);
    return fromTypedArray(weights, [weights.length]);
  }

  override classCounts(): readonly number[] {
    return [...this.#dataset("train").classCounts()];
  }

  override sampledClassCounts(): readonly number[] {
    return sampledClassCounts(this.#dataset("train"), this.options);
  }

  drawnIndices(): readonly number[] | undefined {
    const sampled = this.#sampler?.inner instanceof WeightedRandomSampler ? this.#sampler.lastOrder : undefined;
    return sampled === undefined ? undefined : Array.from(sampled);
  }

  labelsMapping(): LabelsMapping {
    const { imageSize, exifOrientation } = this.options;
    return labelsMappingOf(this.classNames, this.#transform("val"), imageSize, exifOrientation, this.task);
  }

  override normalization(split: Split): Normalization {
    return normalizationOf(this.#transform(split));
  }

  override setNormalization(normalization: Normalization): boolean {
    this.#normalization = normalization;
    return true;
  }

  override trainDataloader(): DataLoader | FeatureLoader {
    return this.#featureLoader("train") ?? this.imageLoader("train");
  }

  override valDataloader(): DataLoader | FeatureLoader {
    return this.#featureLoader("val") ?? this.imageLoader("val");
  }

  override testDataloader(): DataLoader {
    return this.imageLoader("test");
  }

  /** Gives the trainer features in place of a split's images, from now on. */
  setFeatures(split: Split, table: FeatureTable): void {
    this.#features.set(split, table);
  }

  /** Whether training gets features. */
  get hasFeatures(): boolean {
    return this.#features.size > 0;
  }

  /** The content hash of each image of a split, and what is done to it before a network sees it as in validation. */
  async preparedImages(split: Split): Promise<{ readonly contents: readonly string[]; readonly preparation: string }> {
    const { dataRoot, trimBars, imageSteps } = this.options;
    const stored = this.#asStored.get(split) ?? this.#dataset(split);
    const onProgress = progressInLog(log, (done, total) => `content hashes: ${done} of ${total}`);
    const { known } = await hashDataset(stored, { root: dataRoot, decode: false, onProgress });
    const steps = split === "train" ? { trimBars, imageSteps } : {};
    const preparation = JSON.stringify([this.labelsMapping().preprocessing, steps]);
    return { contents: known.map(({ bytes }) => bytes), preparation };
  }

  #featureLoader(split: Split): FeatureLoader | undefined {
    const table = this.#features.get(split);
    // Features are of images of the training's size.
    if (table === undefined || (split !== "train" && this.evaluationSize !== this.imageSize)) return undefined;
    return new FeatureLoader(this.imageLoader(split), table);
  }

  /** A resumed run must see the same classes and samples, wherever the folder lies by now. */
  override runSignature(): Record<string, unknown> {
    const train = this.#dataset("train");
    // Processes that only test agree on that split.
    const val = this.#datasets.get("val") ?? this.#dataset("test");
    this.#contents ??= {
      trainingPictures: hashOfNames(train),
      trainingContent: hashOfContent(train),
      validationPictures: hashOfNames(val),
      validationContent: hashOfContent(val),
    };
    return {
      classes: train.classes,
      trainSamples: train.length,
      validationSamples: val.length,
      ...this.#contents,
      ...(this.#splitRecord && { split: this.#splitRecord.digest }),
    };
  }

  /** The images of a split in batches, also where training gets features. */
  imageLoader(split: Split): DataLoader {
    const { dropLast, numWorkers, pinMemory, persistentWorkers, onError, seed, batchTransform } = this.options;
    const { batchSize } = this;
    const steps = split === "train" ? this.#trainSteps.values() : [];
    return new DataLoader(
      [...steps].reduce((dataset, step) => dataset.withStep(step), this.#dataset(split)),
      {
        batchSize,
        numWorkers,
        pinMemory,
        persistentWorkers: persistentWorkers && numWorkers > 0,
        onError,
        seed,
        ...(split === "train" && {
          dropLast,
          sampler: this.#trainSampler(),
          ...(batchTransform && { batchTransform }),
        }),
        transform: this.#transform(split),
      },
    );
  }

  #trainSampler(): Sampler {
    const { seed, repeatedAugmentation } = this.options;
    const chosen = trainSampler(this.#dataset("train"), this.#syntheticCount, this.options);
    this.#sampler = new SubstitutingSampler(chosen, this.trainEnabled, { seed });
    return repeatedAugmentation === 1
      ? this.#sampler
      : new RepeatedAugmentationSampler(this.#sampler, repeatedAugmentation);
  }

  #transform(split: Split): Transform {
    const { trainTransforms, valTransforms, testTransforms, imageSize } = this.options;
    const given = { train: trainTransforms, val: valTransforms, test: testTransforms ?? valTransforms }[split];
    const built = given ?? defaultTransform(split, imageSize);
    const transform = this.#normalization === undefined ? built : withNormalization(built, this.#normalization);
    if (split === "train" || this.#evaluationSize === undefined) return transform;
    return forInputSize(transform, imageSize, this.#evaluationSize) ?? transform;
  }

  get #opened(): OpenedSplits {
    this.#openedSplits ??= new OpenedSplits(this.options.dataRoot, this.options, this.#recorded).sharing(this.#before);
    return this.#openedSplits;
  }

  /** What was split, and how: said once, and recorded. */
  async #record(): Promise<void> {
    const made = await this.#opened.made();
    if (this.#splitRecord !== undefined || made === undefined) return;
    this.#splitRecord = splitRecordOf(made, (await this.#opened.data()).path);
    logSplit(made);
  }

  async #open(split: Split): Promise<ImageDataset> {
    const known = this.#datasets.get(split);
    if (known !== undefined) return known;
    await this.#record();
    const dataset = await this.#opened.open(split);
    const synthetic =
      split === "train" && this.#syntheticFolder !== undefined
        ? new JsonlDataset({ root: this.#syntheticFolder, classToIdx: dataset.classToIdx, task: dataset.task })
        : undefined;
    for (const notice of dataset.notices()) log.warning(`${splitFolderNames[split][0]}: ${notice}`);
    if (synthetic !== undefined) this.#syntheticCount = synthetic.length;
    const line = describeSplit(splitFolderNames[split][0], dataset, synthetic?.length ?? 0);
    // Of a split that was made, its line has the numbers.
    if (split !== "train" && this.#splitRecord !== undefined) log.detail(line);
    else log.info(line);
    const missing = split === "train" ? [] : missingClasses(dataset);
    if (missing.length > 0) {
      const which = missing.slice(0, 3).join(", ") + (missing.length > 3 ? ", ..." : "");
      log.info(`${splitFolderNames[split][0]}: no image of ${plural(missing.length, "class", "classes")} (${which})`);
    }
    const { useCache, cacheType, trimBars, imageSteps } = this.options;
    const steps = split === "train" ? [...(trimBars ? [TrimBars(undefined)] : []), ...imageSteps] : [];
    const read = steps.reduce((images, step) => images.withStep(step), dataset);
    const whole = synthetic === undefined ? read : read.concat(synthetic);
    this.#asStored.set(split, synthetic === undefined ? dataset : dataset.concat(synthetic));
    const opened = useCache ? cached(whole, { type: cacheType }) : whole;
    this.#datasets.set(split, opened);
    this.#asOpened.set(split, dataset);
    return opened;
  }

  #dataset(split: Split): ImageDataset {
    const dataset = this.#datasets.get(split);
    if (dataset !== undefined) return dataset;
    throw new CtError({
      code: "data/setup",
      what: `the ${split} split is not open`,
      fix: `call setup("${split === "test" ? "test" : "fit"}") before`,
    });
  }
}

export const dataTargets: TargetTable = {
  "classifier_training.data.datamodule.ImageFolderDataModule": optionsTarget(
    imageFolderDataModuleOptionsSchema,
    (options) => new ImageFolderDataModule(options),
  ),
};
