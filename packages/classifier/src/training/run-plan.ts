import { type LightningModule, Timer, type TrainerView } from "@classifier-training/lightning";
import type { RunWriter } from "@classifier-training/runs";
import { RunReportCallback } from "../callbacks/run-report.ts";

/** Notes in the record of a run how long it trains, so that others can say how much of it is left. */
export class RunPlan extends RunReportCallback {
  readonly #record: RunWriter;
  #endsBy: string | undefined;

  constructor(record: RunWriter) {
    super();
    this.#record = record;
  }

  override onTrainStart({ callbacks }: TrainerView): void {
    const limitS = callbacks.find((one): one is Timer => one instanceof Timer)?.timeRemaining();
    this.#endsBy = Number.isFinite(limitS) ? new Date(Date.now() + 1000 * (limitS as number)).toISOString() : undefined;
  }

  /** Epochs that are fitted to a time change in training. */
  override onTrainEpochStart(trainer: TrainerView, _module: LightningModule): void {
    const { maxEpochs, numTrainingBatches, accumulateGradBatches } = trainer;
    const steps = Math.ceil(numTrainingBatches / accumulateGradBatches);
    const plan = {
      ...(maxEpochs > 0 && { epochs: maxEpochs }),
      ...(Number.isFinite(steps) && steps > 0 && { stepsPerEpoch: steps }),
      ...(this.#endsBy !== undefined && { endsBy: this.#endsBy }),
    };
    if (JSON.stringify(plan) !== JSON.stringify(this.#record.record.plan)) this.#record.update({ plan });
  }
}
