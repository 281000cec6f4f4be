import { getLogger, plural, Rng } from "@classifier-training/base";
import { Callback, EMACallback, type LightningModule, type TrainerView } from "@classifier-training/lightning";
import { fromTypedArray, noGrad, scope, type Tensor } from "@classifier-training/torch";
import { orientations } from "@classifier-training/vision";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import { logitsOf, withWeights } from "./in-place.ts";

export const uprightOptionsSchema = z.strictObject({
  epochs: z.array(z.int().min(1)).min(1).default([4]).describe("the search is made when these epochs start"),
  margin: z
    .number()
    .min(0)
    .default(1)
    .describe("how much likelier (in nats) its label must be another way up before a picture is turned"),
  as_published: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      "the part of the turned pictures that an epoch shows as they are, in case some that are judged lie so, too",
    ),
});

const log = getLogger("classifier.callbacks.upright");

/**
 * Data sets are published with mirrored and turned copies of their pictures. Where a mirrored 2 is a 5, such copies
 * teach the wrong thing. This callback finds out how each training picture lies: of its eight orientations the one in
 * which the network (its moving average, where there is one) gives the picture's label the highest probability; from
 * then on the picture is read upright. Pictures whose metadata says that they are synthetic are known to be upright:
 * until the first search they stand in for the others, so that the network has seen nothing but upright numbers.
 * Without any, upright pictures must be the largest group, so that the network knows them best.
 *
 * One search costs as much as evaluating the pictures whose lie is not known eight times. The orientations are part of the checkpoint.
 */
export class UprightCallback extends Callback {
  readonly options: z.infer<typeof uprightOptionsSchema>;
  #found: Uint8Array | undefined;

  constructor(options: z.input<typeof uprightOptionsSchema> = {}) {
    super();
    this.options = uprightOptionsSchema.parse(options);
  }

  /** How each training picture lies, as EXIF numbers it; undefined before the first search. */
  get found(): Uint8Array | undefined {
    return this.#found;
  }

  override onTrainStart(trainer: TrainerView): void {
    const data = this.#data(trainer);
    if (data === undefined) return;
    this.#forgetOthers(data, trainer.currentEpoch);
    if (this.#found === undefined) data.trainEnabled.set(knownUpright(data).map(Number));
    // A resumed run has found them already, and may be in the middle of an epoch.
    else this.#turn(data, trainer.currentEpoch);
  }

  /** A run that was resumed with other training images has to look at them anew. */
  #forgetOthers(data: ImageFolderDataModule, epoch: number): void {
    const saved = this.#found?.length;
    const now = data.trainOrientations.length;
    if (saved === undefined || saved === now) return;
    const next = this.options.epochs.find((candidate) => candidate >= epoch);
    const search = next === undefined ? "callbacks.upright.epochs has no later search" : `epoch ${next} searches again`;
    log.warning(`the checkpoint has the orientations of ${saved} training images, there are ${now}: ${search}`);
    this.#found = undefined;
  }

  override async onTrainEpochStart(trainer: TrainerView, module: LightningModule): Promise<void> {
    const data = this.#data(trainer);
    if (data === undefined) return;
    if (this.options.epochs.includes(trainer.currentEpoch)) await this.#search(trainer, module, data);
    this.#turn(data, trainer.currentEpoch);
  }

  async #search(trainer: TrainerView, module: LightningModule, data: ImageFolderDataModule): Promise<void> {
    const average = trainer.callbacks.find((callback) => callback instanceof EMACallback)?.average;
    const known = knownUpright(data);
    const unknown = [...known.keys()].filter((i) => !known[i]);
    const likelihoods = await withWeights(module, average ?? module.stateDict(), () =>
      labelLikelihoods(trainer, module, data, unknown),
    );
    const found = new Uint8Array(known.length).fill(1);
    for (const [i, likelihood] of likelihoods) found[i] = this.#mostLikely(likelihood);
    data.trainEnabled.fill(1);
    this.#found = found;
    const turned = found.filter((orientation) => orientation !== 1).length;
    log.info(
      `${plural(turned, "training picture")} of ${unknown.length} do not lie upright, and are turned from now on`,
    );
  }

  /** Has this epoch's pictures read upright, but for those that it shows as they are. */
  #turn(data: ImageFolderDataModule, epoch: number): void {
    if (this.#found === undefined) return;
    const rng = Rng.at(data.options.seed, epoch, "as published");
    const { as_published } = this.options;
    data.trainOrientations.set(this.#found.map((found) => (rng.uniform() < as_published ? 1 : found)));
  }

  override stateDict(): Record<string, unknown> {
    return this.#found === undefined ? {} : { orientations: fromTypedArray(this.#found, [this.#found.length]) };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    const saved = state["orientations"] as Tensor | undefined;
    this.#found = saved === undefined ? undefined : Uint8Array.from(saved.toTypedArray() as Uint8Array);
  }

  #mostLikely(likelihoods: Float64Array): number {
    const [first = 0] = likelihoods;
    let best = 0;
    for (let i = 1; i < likelihoods.length; i++) {
      if ((likelihoods[i] as number) > Math.max(likelihoods[best] as number, first + this.options.margin)) best = i;
    }
    return orientations[best] as number;
  }

  #data(trainer: TrainerView): ImageFolderDataModule | undefined {
    const data = classificationData(trainer.datamodule);
    if (data instanceof ImageFolderDataModule) return data;
    log.warnOnce("UprightCallback does nothing: it needs an ImageFolderDataModule");
    return undefined;
  }
}

/** For each training picture whether it is synthetic. */
function knownUpright(data: ImageFolderDataModule): boolean[] {
  return data.samples("train").map(({ metadata }) => metadata?.["synthetic"] === true);
}

/** For each of these training pictures the log-probability of its label in each orientation. */
async function labelLikelihoods(
  trainer: TrainerView,
  module: LightningModule,
  data: ImageFolderDataModule,
  indices: readonly number[],
): Promise<Map<number, Float64Array>> {
  // A picture that cannot be decoded has no likelihood, and stays as it is.
  const rows = new Map(
    indices.map((index) => [index, new Float64Array(orientations.length).fill(Number.NEGATIVE_INFINITY)]),
  );
  for (const [column, orientation] of orientations.entries()) {
    log.info(`looking at the training pictures: orientation ${column + 1} of ${orientations.length}`);
    const loader = data.inspectionLoader(indices, orientation);
    for await (const batch of loader.batches({ epoch: 0 })) {
      const values = noGrad(() =>
        scope(() => {
          const logits = trainer.forward(() => logitsOf(module, batch.images)).to({ dtype: "float32" });
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
