import { getLogger } from "@classifier-training/base";
import { isFloatingPoint, keep, nn, noGrad, type optim, scope, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { MisconfigurationError } from "../core/errors.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { tensorBytes } from "../trainer/checkpoint-size.ts";
import { Callback } from "./callback.ts";

const log = getLogger("lightning.swa");

export const stochasticWeightAveragingOptionsSchema = z.strictObject({
  /** The learning rate while averaging: one for all groups, or one each. */
  swaLrs: z.union([z.number().positive(), z.array(z.number().positive())]),
  /** From which epoch on: a number of epochs, or a fraction of `maxEpochs` below 1. */
  swaEpochStart: z.number().positive().default(0.8),
  annealingEpochs: z.int().min(1).default(10),
  annealingStrategy: z.enum(["cos", "linear"]).default("cos"),
});

/**
 * Stochastic weight averaging (Izmailov et al. 2018): towards the end of training the learning rate anneals to a
 * constant and the weights of the epochs are averaged; the average becomes the model, its batch norms re-estimated by
 * a pass over the training data.
 */
export class StochasticWeightAveraging extends Callback {
  readonly #options: z.infer<typeof stochasticWeightAveragingOptionsSchema>;
  #average: Map<string, Tensor> | undefined;
  #averaged = 0;
  #initialLrs: number[] | undefined;
  #applied = false;

  constructor(options: z.input<typeof stochasticWeightAveragingOptionsSchema>) {
    super();
    this.#options = stochasticWeightAveragingOptionsSchema.parse(options);
  }

  /** The first epoch that is averaged. */
  start(trainer: TrainerView): number {
    const { swaEpochStart } = this.#options;
    return swaEpochStart < 1
      ? Math.floor(trainer.maxEpochs * swaEpochStart)
      : Math.max(0, Math.round(swaEpochStart) - 1);
  }

  /** Epochs averaged so far. */
  get averagedEpochs(): number {
    return this.#averaged;
  }

  override onFitStart(trainer: TrainerView): void {
    if (trainer.optimizers.length !== 1) throw new MisconfigurationError("SWA currently works with 1 `optimizer`.");
    if (trainer.maxEpochs === -1) throw new MisconfigurationError("SWA needs `maxEpochs`: it starts at a share of it");
  }

  override onTrainEpochStart(trainer: TrainerView): void {
    const since = trainer.currentEpoch - this.start(trainer);
    const [optimizer] = trainer.optimizers;
    if (since < 0 || optimizer === undefined) return;
    if (since === 0) log.info(`Stochastic weight averaging starts in epoch ${trainer.currentEpoch}`);
    this.#anneal(optimizer, since);
  }

  override onTrainBatchStart(trainer: TrainerView): void {
    // Whatever other schedulers did to it: from its start on, the rate is SWA's.
    const since = trainer.currentEpoch - this.start(trainer);
    const [optimizer] = trainer.optimizers;
    if (since >= 0 && optimizer !== undefined) this.#anneal(optimizer, since);
  }

  #anneal(optimizer: optim.Optimizer, since: number): void {
    const { swaLrs, annealingEpochs, annealingStrategy } = this.#options;
    const groups = optimizer.paramGroups as { lr: number }[];
    this.#initialLrs ??= groups.map(({ lr }) => lr);
    const t = Math.min(1, (since + 1) / annealingEpochs);
    const alpha = annealingStrategy === "linear" ? t : (1 - Math.cos(Math.PI * t)) / 2;
    for (const [i, group] of groups.entries()) {
      const target = Array.isArray(swaLrs) ? (swaLrs[i] ?? swaLrs[0] ?? group.lr) : swaLrs;
      group.lr = (this.#initialLrs[i] ?? group.lr) * (1 - alpha) + target * alpha;
    }
  }

  override onTrainEpochEnd(trainer: TrainerView, module: LightningModule): void {
    if (trainer.currentEpoch < this.start(trainer)) return;
    this.#averaged++;
    const share = 1 / this.#averaged;
    noGrad(() =>
      scope(() => {
        this.#average ??= new Map();
        for (const [name, value] of module.stateDict()) {
          const own = this.#average.get(name);
          if (own === undefined) this.#average.set(name, keep(value.clone()));
          else if (isFloatingPoint(own.dtype)) own.add_(value.sub(own), { alpha: share });
          else own.copy_(value);
        }
      }),
    );
  }

  override async onTrainEnd(trainer: TrainerView, module: LightningModule): Promise<void> {
    const average = this.#average;
    if (average === undefined || this.#applied) return;
    this.#applied = true;
    noGrad(() =>
      scope(() => {
        for (const [name, value] of module.stateDict()) {
          const own = average.get(name);
          if (own !== undefined) value.copy_(own);
        }
      }),
    );
    await updateBatchNorms(trainer, module);
  }

  override checkpointBytes(): number {
    return tensorBytes(this.#average);
  }

  override onSaveCheckpoint(_trainer: TrainerView, _module: LightningModule, checkpoint: Checkpoint): void {
    if (this.#average !== undefined) checkpoint["swaAverage"] = new Map(this.#average);
  }

  override onLoadCheckpoint(_trainer: TrainerView, _module: LightningModule, checkpoint: Checkpoint): void {
    const saved = checkpoint["swaAverage"] as Map<string, Tensor> | undefined;
    if (saved === undefined) return;
    this.#average = new Map([...saved].map(([name, value]) => [name, keep(value.clone())]));
  }

  override stateDict(): Record<string, unknown> {
    return { averaged: this.#averaged, initialLrs: this.#initialLrs ?? null };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#averaged = Number(state["averaged"] ?? 0);
    this.#initialLrs = (state["initialLrs"] as number[] | null) ?? undefined;
  }
}

/** Re-estimates running statistics for the averaged weights: a pass over the training data, forward only. */
async function updateBatchNorms(trainer: TrainerView, module: LightningModule): Promise<void> {
  const norms = [...module.modules()].filter(
    (part): part is nn.BatchNorm2d => part instanceof nn.BatchNorm2d || part instanceof nn.BatchNorm1d,
  );
  if (norms.length === 0) return;
  const momenta = norms.map((norm) => norm.momentum);
  for (const norm of norms) {
    norm.running_mean?.zero_();
    norm.running_var?.fill_(1);
    norm.num_batches_tracked?.zero_();
    // Without momentum a batch norm averages over all batches it saw.
    (norm as { momentum: number | null }).momentum = null;
  }
  module.train();
  await trainer.forEachTrainingBatch((batch) => {
    noGrad(() => scope(() => void module.trainingStep?.(batch, 0)));
    return true;
  });
  for (const [i, norm] of norms.entries()) (norm as { momentum: number | null }).momentum = momenta[i] ?? null;
}
