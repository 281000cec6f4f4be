import { getLogger, parseOptions } from "@classifier-training/base";
import { keep, noGrad, type optim, scope, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { estimateBatchNorms } from "../core/batch-norms.ts";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { LrScheduler } from "../core/optimizers.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { tensorBytes } from "../utilities/tensor-trees.ts";

const log = getLogger("lightning.swa");

type AverageFunction = (averaged: Tensor, current: Tensor, averagedBefore: number) => Tensor;

export const stochasticWeightAveragingOptionsSchema = z.strictObject({
  /** The learning rate while averaging: one for all groups, or one each. */
  swaLrs: z.union([z.number().positive(), z.array(z.number().positive())]),
  /** From which epoch on: a number of epochs (from 1), or a fraction of `maxEpochs` below 1. */
  swaEpochStart: z
    .number()
    .min(0)
    .refine((start) => start < 1 || Number.isInteger(start), "expected a fraction up to 1, or an integer")
    .default(0.8),
  annealingEpochs: z.int().min(0).default(10),
  annealingStrategy: z.enum(["cos", "linear"]).default("cos"),
  /** What the average becomes: a function of it, the current parameter and the number averaged so far. */
  avgFn: z
    .custom<AverageFunction>((value) => typeof value === "function", "expected a function")
    .nullable()
    .default(null),
  /** Where the average is kept; null keeps it beside the model. */
  device: z.string().nullable().default("cpu"),
});

/**
 * Stochastic weight averaging (Izmailov et al. 2018), as Lightning does it: from an epoch on, the module's scheduler is
 * replaced by one that anneals to a constant rate, and at the start of each epoch its parameters are averaged. When
 * training ends, however it does, the average becomes the model, its batch norms re-estimated by a pass over the training
 * data. What is averaged are the weights that are trained; a moving average beside it (`EMACallback`) goes its own way.
 */
export class StochasticWeightAveraging extends Callback {
  readonly #options: z.infer<typeof stochasticWeightAveragingOptionsSchema>;
  #average: Map<string, Tensor> | undefined;
  #averaged = 0;
  #latestEpoch = -1;
  #started = false;
  #applied = false;

  constructor(options: z.input<typeof stochasticWeightAveragingOptionsSchema>) {
    super();
    this.#options = parseOptions("StochasticWeightAveraging", stochasticWeightAveragingOptionsSchema, options);
  }

  /** The first epoch that is averaged, from 0. */
  start(trainer: TrainerView): number {
    const { swaEpochStart } = this.#options;
    const epoch = swaEpochStart < 1 ? Math.trunc(trainer.maxEpochs * swaEpochStart) : swaEpochStart;
    return Math.max(0, epoch - 1);
  }

  /** Epochs averaged so far. */
  get averagedEpochs(): number {
    return this.#averaged;
  }

  override onFitStart(trainer: TrainerView): void {
    if (trainer.optimizers.length !== 1) throw new MisconfigurationError("SWA currently works with 1 `optimizer`.");
    if (trainer.lrSchedulerConfigs.length > 1) {
      throw new MisconfigurationError("SWA currently not supported for more than 1 `lrScheduler`.");
    }
    if (trainer.maxEpochs === -1 && this.#options.swaEpochStart < 1) {
      throw new MisconfigurationError(
        "SWA with `swaEpochStart` as a fraction is not supported when `maxEpochs` is -1",
        "give swaEpochStart as an integer",
      );
    }
    // Of a resumed run, so that the state of its schedule finds it.
    if (this.#started) this.#schedule(trainer);
  }

  override onTrainEpochStart(trainer: TrainerView, module: LightningModule): void {
    const { currentEpoch } = trainer;
    if (currentEpoch < this.start(trainer)) return;
    if (!this.#started) {
      this.#started = true;
      log.info(`Stochastic weight averaging starts in epoch ${currentEpoch + 1}`);
      this.#schedule(trainer);
    }
    if (currentEpoch > this.#latestEpoch) this.#update(module);
    this.#latestEpoch = currentEpoch;
  }

  #schedule(trainer: TrainerView): void {
    const [optimizer] = trainer.optimizers as [optim.Optimizer];
    const { swaLrs, annealingEpochs, annealingStrategy } = this.#options;
    const groups = optimizer.paramGroups.length;
    const rates = typeof swaLrs === "number" ? Array.from({ length: groups }, () => swaLrs) : swaLrs;
    if (rates.length !== groups) {
      throw new MisconfigurationError(
        `swaLrs: expected ${groups} rates, one for each parameter group, received ${rates.length}`,
      );
    }
    const [own] = trainer.lrSchedulerConfigs;
    if (own !== undefined) {
      log.info(`Swapping scheduler \`${own.scheduler.constructor.name}\` for \`SWALR\``);
      if (own.interval !== "epoch" || own.frequency !== 1) {
        log.warning(`SWA steps its schedule every epoch; the module's went by ${own.frequency} ${own.interval}(s)`);
      }
    }
    const scheduler = new SwaSchedule(optimizer, { swaLrs: rates, annealingEpochs, annealingStrategy });
    trainer.replaceLrSchedulers([{ scheduler }]);
  }

  /** Parameters are averaged, everything else of the state is the current one. */
  #update(module: LightningModule): void {
    const { avgFn, device } = this.#options;
    const average = this.#average ?? new Map<string, Tensor>();
    const parameters = new Set([...module.namedParameters()].map(([name]) => name));
    noGrad(() =>
      scope(() => {
        for (const [name, value] of module.stateDict()) {
          const own = average.get(name);
          if (own === undefined) average.set(name, keep(value.to({ device: device ?? value.device, copy: true })));
          else if (!parameters.has(name)) own.copy_(value);
          else if (avgFn !== null) own.copy_(avgFn(own, value.to({ device: own.device }), this.#averaged));
          else
            own.add_(
              value
                .to({ device: own.device })
                .sub(own)
                .div(this.#averaged + 1),
            );
        }
      }),
    );
    this.#average = average;
    this.#averaged++;
  }

  override async onTrainEnd(trainer: TrainerView, module: LightningModule): Promise<void> {
    const average = this.#average;
    if (average === undefined || this.#applied) return;
    this.#applied = true;
    noGrad(() =>
      scope(() => {
        for (const [name, parameter] of module.namedParameters()) {
          const own = average.get(name);
          if (own !== undefined) parameter.copy_(own);
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
    return { averaged: this.#averaged, latestEpoch: this.#latestEpoch, started: this.#started };
  }

  override loadStateDict({ averaged, latestEpoch, started }: Record<string, unknown>): void {
    this.#averaged = Number(averaged ?? 0);
    this.#latestEpoch = Number(latestEpoch ?? -1);
    this.#started = started === true;
  }
}

/** Re-estimates running statistics for the averaged weights: a pass over the training data, forward only. */
async function updateBatchNorms(trainer: TrainerView, module: LightningModule): Promise<void> {
  const hasAny = await estimateBatchNorms(module, () => {
    module.train();
    return trainer.forEachTrainingBatch(
      (batch) => {
        noGrad(() => scope(() => void module.trainingStep?.(batch, 0)));
        return true;
      },
      { onAllRanks: true },
    );
  });
  // As after each batch of training: the statistics are those of the first rank's shard of the data.
  if (hasAny) await trainer.strategy.synchronizeBuffers(module);
}

interface SwaScheduleOptions {
  /** One for each parameter group. */
  readonly swaLrs: readonly number[];
  /** Steps until the rates are `swaLrs`. */
  readonly annealingEpochs: number;
  readonly annealingStrategy: "cos" | "linear";
}

/**
 * Brings learning rates from where they are to constant ones: PyTorch's `SWALR`. After step k the rate is
 * `swaLr * a + initialLr * (1 - a)`, with a = t (linear) or (1 - cos(pi t)) / 2 (cos) and t = k / annealingEpochs up to 1.
 */
class SwaSchedule implements LrScheduler {
  readonly optimizer: optim.lrScheduler.ScheduledOptimizer;
  readonly #options: SwaScheduleOptions;
  #initialLrs: readonly number[];
  #steps = 0;

  constructor(optimizer: optim.lrScheduler.ScheduledOptimizer, options: SwaScheduleOptions) {
    this.optimizer = optimizer;
    this.#options = options;
    this.#initialLrs = optimizer.paramGroups.map(({ lr }) => lr);
    this.#apply();
  }

  step(): void {
    this.#steps++;
    this.#apply();
  }

  #apply(): void {
    const { swaLrs, annealingEpochs, annealingStrategy } = this.#options;
    const t = annealingEpochs === 0 ? 1 : Math.min(1, this.#steps / annealingEpochs);
    const alpha = annealingStrategy === "linear" ? t : (1 - Math.cos(Math.PI * t)) / 2;
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      const initial = this.#initialLrs[i] ?? group.lr;
      group.lr = (swaLrs[i] ?? initial) * alpha + initial * (1 - alpha);
    }
  }

  getLastLr(): readonly number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  stateDict(): Record<string, unknown> {
    return { steps: this.#steps, initialLrs: [...this.#initialLrs] };
  }

  loadStateDict({ steps, initialLrs }: Record<string, unknown>): void {
    this.#steps = Number(steps ?? 0);
    if (Array.isArray(initialLrs)) this.#initialLrs = initialLrs.map(Number);
    this.#apply();
  }
}
