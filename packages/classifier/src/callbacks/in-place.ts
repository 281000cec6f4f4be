import type { LightningModule } from "@classifier-training/lightning";
import type { DType, Tensor } from "@classifier-training/torch";
import { copied, disposeWeights } from "./weight-candidates.ts";

/**
 * Runs something with other weights in the module, in eval mode and float32, whatever precision it is trained in;
 * afterwards the module is as it was, also on errors.
 */
export async function withWeights<T>(
  module: LightningModule,
  weights: ReadonlyMap<string, Tensor>,
  run: () => Promise<T>,
): Promise<T> {
  const before = copied(module.stateDict());
  const wasTraining = module.training;
  const dtype = dtypeOf(module);
  module.eval();
  try {
    module.to({ dtype: "float32" });
    module.loadStateDict(weights);
    return await run();
  } finally {
    module.to({ dtype });
    module.loadStateDict(before);
    module.train(wasTraining);
    disposeWeights(before);
  }
}

function dtypeOf(module: LightningModule): DType {
  return [...module.parameters()][0]?.dtype ?? "float32";
}

/** Images on the module's device and in its dtype, which is another one than float32 in true precision. */
export function asInput(module: LightningModule, images: Tensor): Tensor {
  return images.to({ device: module.device, dtype: dtypeOf(module) });
}

/** The network's outputs for images in float32, [N, K]; its weights may be in another dtype or on a device. */
export function logitsOf(module: LightningModule, images: Tensor): Tensor {
  return module.call(asInput(module, images)) as Tensor;
}
