import { nn } from "@classifier-training/torch";
import type { LightningModule } from "./module.ts";

/**
 * Estimates the running statistics of a module's batch norms anew, as means over the batches of a few forward passes:
 * averaged weights need it (Izmailov et al. 2018; `torch.optim.swa_utils.update_bn`).
 * @param passes runs the forward passes; batch norms are in training mode meanwhile, other layers as they were
 * @returns whether there is a batch norm; without any nothing is run
 */
export async function estimateBatchNorms(module: LightningModule, passes: () => Promise<void>): Promise<boolean> {
  const norms = [...module.modules()].filter(
    (part): part is nn.BatchNorm2d =>
      (part instanceof nn.BatchNorm2d || part instanceof nn.BatchNorm1d) && canTrain(part),
  );
  if (norms.length === 0) return false;
  const before = norms.map(({ momentum, training }) => ({ momentum, training }));
  for (const norm of norms) {
    norm.resetRunningStats();
    norm.train();
    // Without momentum a batch norm averages over all batches it saw.
    (norm as { momentum: number | null }).momentum = null;
  }
  try {
    await passes();
  } finally {
    for (const [i, norm] of norms.entries()) {
      const { momentum = null, training = false } = before[i] ?? {};
      (norm as { momentum: number | null }).momentum = momentum;
      norm.train(training);
    }
  }
  return true;
}

/** Not those of frozen stages, which are held in eval mode: they keep their statistics. */
function canTrain(norm: nn.BatchNorm2d | nn.BatchNorm1d): boolean {
  const { training } = norm;
  const can = norm.train().training;
  norm.train(training);
  return can;
}
