import { getLogger, parseOptions, plural, Rng } from "@classifier-training/base";
import { functional, type Orientation, orientations } from "@classifier-training/image";
import {
  asModelInput,
  Callback,
  EMACallback,
  type LightningModule,
  type TrainerView,
  withWeights,
} from "@classifier-training/lightning";
import { fromTypedArray, noGrad, scope, type Tensor } from "@classifier-training/torch";
import { type DataLoader, defineImageStep, type ImageStep } from "@classifier-training/vision";
import { z } from "zod";

export const orientationCorrectionOptionsSchema = z.strictObject({
  epochs: z.array(z.int().min(1)).min(1).default([4]).describe("epochs before which the orientations are estimated"),
  margin: z.number().min(0).default(1).describe("log-likelihood margin (nats) required to re-orient an image"),
  keep_original_fraction: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      "fraction of the re-oriented images that an epoch shows as stored, as some test images are stored so, too",
    ),
});

/** What the callback needs of the data module: `ImageFolderDataModule` of classifier-training has it. */
interface TrainingImages {
  readonly options: { readonly seed: number };
  /** 1 for training images that are sampled, 0 for those that others replace. */
  readonly trainEnabled: Uint8Array;
  samples(split: "train"): readonly { readonly metadata?: Readonly<Record<string, unknown>> | undefined }[];
  /** Adds a step to the training images, or replaces the one of the same name. */
  setTrainStep(step: ImageStep): void;
  /** These training images in order, changed by a step and preprocessed as in validation. */
  inspectionLoader(indices: readonly number[], step: ImageStep): DataLoader;
}

/** Applies to each image its EXIF orientation. All threads share the orientations, which may change at any time. */
export const ApplyOrientations = defineImageStep<Uint8Array<SharedArrayBuffer>>({
  name: "applyOrientations",
  module: import.meta.url,
  create: (of) => ({
    appliesTo: (index) => of[index] !== 1,
    apply: (image, index) => functional.applyOrientation(image, of[index] as Orientation),
  }),
});

/** Orientations of `length` images in shared memory. */
function sharedOrientations(length: number, orientation: Orientation): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new SharedArrayBuffer(length)).fill(orientation);
}

const log = getLogger("classifier.callbacks.orientation");

/**
 * Corrects the orientation of training images. Datasets are published with mirrored and rotated copies of their images;
 * where a mirrored 2 is a 5, such copies have the wrong label. Of the eight EXIF orientations of each image, the one that
 * gives its label the highest likelihood under the network (its moving average, where there is one) is applied from then
 * on. Images whose metadata says `synthetic: true` have the correct orientation: until the first estimate they replace
 * the others, so that the network has seen correct orientations only. Without any, correctly oriented images must be the
 * largest group.
 *
 * One estimate costs eight evaluations of the images whose orientation is unknown. The checkpoint has the orientations.
 */
export class OrientationCorrection extends Callback {
  readonly options: z.infer<typeof orientationCorrectionOptionsSchema>;
  #estimated: Uint8Array | undefined;
  #applied: Uint8Array<SharedArrayBuffer> = sharedOrientations(0, 1);

  constructor(options: z.input<typeof orientationCorrectionOptionsSchema> = {}) {
    super();
    this.options = parseOptions("OrientationCorrection", orientationCorrectionOptionsSchema, options);
  }

  /** EXIF orientation of each training image; undefined before the first estimate. */
  get estimated(): Uint8Array | undefined {
    return this.#estimated;
  }

  /** EXIF orientation that is applied to each training image in this epoch. */
  get applied(): Uint8Array {
    return this.#applied;
  }

  /** The name that checkpoints have for it. */
  override get stateKey(): string {
    return "UprightCallback";
  }

  override setup(trainer: TrainerView, _module: LightningModule, stage: string): void {
    const data = stage === "fit" ? this.#data(trainer) : undefined;
    if (data === undefined) return;
    this.#applied = sharedOrientations(data.samples("train").length, 1);
    data.setTrainStep(ApplyOrientations(this.#applied));
  }

  override onTrainStart(trainer: TrainerView): void {
    const data = this.#data(trainer);
    if (data === undefined) return;
    this.#dropStale(trainer.currentEpoch);
    if (this.#estimated === undefined) data.trainEnabled.set(isSynthetic(data).map(Number));
    // A resumed run has the orientations already, and may be in the middle of an epoch.
    else this.#apply(data, trainer.currentEpoch);
  }

  /** Orientations of a resumed run's earlier training images do not fit other ones. */
  #dropStale(epoch: number): void {
    const saved = this.#estimated?.length;
    const now = this.#applied.length;
    if (saved === undefined || saved === now) return;
    const next = this.options.epochs.find((candidate) => candidate >= epoch);
    const advice =
      next === undefined ? "no later epoch is in the callback's `epochs`" : `epoch ${next} estimates them again`;
    log.warning(`the checkpoint has the orientations of ${saved} training images, there are ${now}: ${advice}`);
    this.#estimated = undefined;
  }

  override async onTrainEpochStart(trainer: TrainerView, module: LightningModule): Promise<void> {
    const data = this.#data(trainer);
    if (data === undefined) return;
    if (this.options.epochs.includes(trainer.currentEpoch)) await this.#estimate(trainer, module, data);
    this.#apply(data, trainer.currentEpoch);
  }

  async #estimate(trainer: TrainerView, module: LightningModule, data: TrainingImages): Promise<void> {
    const average = trainer.callbacks.find((callback) => callback instanceof EMACallback)?.average;
    const known = isSynthetic(data);
    const unknown = [...known.keys()].filter((i) => !known[i]);
    const likelihoods = await withWeights(module, average ?? module.stateDict(), () =>
      labelLikelihoods(trainer, module, data, unknown),
    );
    const estimated = new Uint8Array(known.length).fill(1);
    for (const [i, likelihood] of likelihoods) estimated[i] = this.#mostLikely(likelihood);
    data.trainEnabled.fill(1);
    this.#estimated = estimated;
    const corrected = estimated.filter((orientation) => orientation !== 1).length;
    log.info(`orientation corrected from now on: ${corrected} of ${plural(unknown.length, "training image")}`);
  }

  /** Sets the orientations of an epoch. */
  #apply(data: TrainingImages, epoch: number): void {
    if (this.#estimated === undefined) return;
    const rng = Rng.at(data.options.seed, epoch, "as published");
    const { keep_original_fraction } = this.options;
    this.#applied.set(this.#estimated.map((orientation) => (rng.uniform() < keep_original_fraction ? 1 : orientation)));
  }

  override stateDict(): Record<string, unknown> {
    return this.#estimated === undefined
      ? {}
      : { orientations: fromTypedArray(this.#estimated, [this.#estimated.length]) };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    const saved = state["orientations"] as Tensor | undefined;
    this.#estimated = saved === undefined ? undefined : Uint8Array.from(saved.toTypedArray() as Uint8Array);
  }

  #mostLikely(likelihoods: Float64Array): number {
    const [first = 0] = likelihoods;
    let best = 0;
    for (let i = 1; i < likelihoods.length; i++) {
      if ((likelihoods[i] as number) > Math.max(likelihoods[best] as number, first + this.options.margin)) best = i;
    }
    return orientations[best] as number;
  }

  #data({ datamodule }: TrainerView): TrainingImages | undefined {
    if (datamodule !== undefined && "inspectionLoader" in datamodule) return datamodule as unknown as TrainingImages;
    log.warnOnce("OrientationCorrection does nothing: expected an ImageFolderDataModule as the data module");
    return undefined;
  }
}

/** For each training image whether it is synthetic. */
function isSynthetic(data: TrainingImages): boolean[] {
  return data.samples("train").map(({ metadata }) => metadata?.["synthetic"] === true);
}

/** For each of these training images the log-likelihood of its label in each orientation. */
async function labelLikelihoods(
  trainer: TrainerView,
  module: LightningModule,
  data: TrainingImages,
  indices: readonly number[],
): Promise<Map<number, Float64Array>> {
  // An image that cannot be decoded has no likelihood, and keeps orientation 1.
  const rows = new Map(
    indices.map((index) => [index, new Float64Array(orientations.length).fill(Number.NEGATIVE_INFINITY)]),
  );
  const count = data.samples("train").length;
  for (const [column, orientation] of orientations.entries()) {
    log.info(`estimating orientations: ${column + 1} of ${orientations.length}`);
    const loader = data.inspectionLoader(indices, ApplyOrientations(sharedOrientations(count, orientation)));
    for await (const batch of loader.batches({ epoch: 0 })) {
      const values = noGrad(() =>
        scope(() => {
          const logits = trainer
            .forward(() => module.call(asModelInput(module, batch.images)) as Tensor)
            .to({ dtype: "float32" });
          const labels = batch.labels.to({ device: logits.device });
          return logits.logSoftmax(1).gather(1, labels.unsqueeze(1)).squeeze(1).to({ device: "cpu" }).toTypedArray();
        }),
      );
      for (const [i, index] of batch.indices.entries()) (rows.get(index) as Float64Array)[column] = Number(values[i]);
      batch[Symbol.dispose]();
    }
    await loader.close();
  }
  return rows;
}
