import { parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

export const gradientAccumulationSchedulerOptionsSchema = z.strictObject({
  /** Batches to accumulate from an epoch (counted from 0) on: `{ 0: 8, 4: 4, 8: 1 }`. */
  scheduling: z.record(z.string(), z.int().min(1)),
});

/** Changes how many batches are accumulated, from epoch to epoch. */
export class GradientAccumulationScheduler extends Callback {
  readonly #scheduling: ReadonlyMap<number, number>;

  constructor(options: z.input<typeof gradientAccumulationSchedulerOptionsSchema>) {
    super();
    const { scheduling } = parseOptions(
      "GradientAccumulationScheduler",
      gradientAccumulationSchedulerOptionsSchema,
      options,
    );
    const entries = Object.entries(scheduling).map(([epoch, factor]) => [Number(epoch), factor] as const);
    if (entries.length === 0) throw new MisconfigurationError("scheduling: expected at least one epoch, received none");
    for (const [epoch] of entries) {
      if (!Number.isInteger(epoch) || epoch < 0) {
        throw new MisconfigurationError(`scheduling: expected epochs as integers from 0, received ${epoch}`);
      }
    }
    const from = new Map(entries.sort(([a], [b]) => a - b));
    if (!from.has(0)) from.set(0, 1);
    this.#scheduling = from;
  }

  /** Batches accumulated in an epoch. */
  accumulateIn(epoch: number): number {
    let factor = 1;
    let latest = -1;
    for (const [from, value] of this.#scheduling) {
      if (from > epoch || from < latest) continue;
      latest = from;
      factor = value;
    }
    return factor;
  }

  override onTrainStart(trainer: TrainerView, module: LightningModule): void {
    if (!module.automaticOptimization) {
      throw new MisconfigurationError("Automatic gradient accumulation is not supported with manual optimization");
    }
    if (
      trainer.accumulateGradBatches !== 1 &&
      trainer.accumulateGradBatches !== this.accumulateIn(trainer.currentEpoch)
    ) {
      throw new MisconfigurationError(
        "You have set `accumulateGradBatches` and are using the `GradientAccumulationScheduler` callback",
        "leave one of them out",
      );
    }
    // A run resumed within an epoch has no start of it.
    trainer.accumulateGradBatches = this.accumulateIn(trainer.currentEpoch);
  }

  override onTrainEpochStart(trainer: TrainerView): void {
    trainer.accumulateGradBatches = this.accumulateIn(trainer.currentEpoch);
  }
}
