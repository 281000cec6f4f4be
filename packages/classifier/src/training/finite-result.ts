import { CtError } from "@classifier-training/base";
import type { ModelCheckpoint, Trainer } from "@classifier-training/lightning";

/**
 * Refuses to call a training a success whose last validation measured NaN: early stopping ends it as if it were done.
 * @throws CtError naming the checkpoint that is still good
 */
export function requireFiniteResult(trainer: Trainer, checkpoint: ModelCheckpoint | undefined): void {
  const monitor = checkpoint?.options.monitor;
  const value = monitor === null || monitor === undefined ? undefined : trainer.callbackMetrics[monitor];
  if (checkpoint === undefined || value === undefined || Number.isFinite(value)) return;
  const best = checkpoint.bestModelPath;
  throw new CtError({
    code: "classifier/diverged",
    what: `training has diverged: ${monitor} is ${value} at its end`,
    where: `epoch ${trainer.currentEpoch}, step ${trainer.globalStep}`,
    fix: `lower model.learning_rate, or look at the validation transforms if it was so from the start. ${best === "" ? "No validation was finite: there is no best checkpoint." : `The best checkpoint stays: ${best}.`}`,
  });
}
