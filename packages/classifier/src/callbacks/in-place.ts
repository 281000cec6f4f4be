import type { LightningModule } from "@classifier-training/lightning";
import type { Tensor } from "@classifier-training/torch";
import { copied, disposeWeights } from "./weight-candidates.ts";

/** Runs something with other weights in the module, in eval mode; afterwards the module is as it was, also on errors. */
export async function withWeights<T>(
  module: LightningModule,
  weights: ReadonlyMap<string, Tensor>,
  run: () => Promise<T>,
): Promise<T> {
  const before = copied(module.stateDict());
  const wasTraining = module.training;
  module.eval();
  try {
    module.loadStateDict(weights);
    return await run();
  } finally {
    module.loadStateDict(before);
    module.train(wasTraining);
    disposeWeights(before);
  }
}

/** The network's outputs for images in float32, [N, K]; its weights may be in another dtype or on a device. */
export function logitsOf(module: LightningModule, images: Tensor): Tensor {
  const [parameter] = module.parameters();
  return module.call(images.to({ device: module.device, ...(parameter && { dtype: parameter.dtype }) })) as Tensor;
}
