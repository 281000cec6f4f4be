import { type DType, noGrad, type Tensor } from "@classifier-training/torch";
import type { LightningModule } from "./module.ts";

/**
 * Runs a function with other weights in the module, in eval mode and float32, whatever precision it trains in;
 * afterwards the module is as before, also on errors.
 */
export async function withWeights<T>(
  module: LightningModule,
  weights: ReadonlyMap<string, Tensor>,
  run: () => Promise<T>,
): Promise<T> {
  const before = copyWeights(module.stateDict());
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

/** Clones of weights; the caller disposes them. */
export function copyWeights(state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return noGrad(() => new Map([...state].map(([name, tensor]) => [name, tensor.clone()])));
}

export function disposeWeights(weights: ReadonlyMap<string, Tensor>): void {
  for (const tensor of weights.values()) tensor.dispose();
}

/** Images on the module's device and in its dtype, which in true precision is not float32. */
export function asModelInput(module: LightningModule, images: Tensor): Tensor {
  return images.to({ device: module.device, dtype: dtypeOf(module) });
}

function dtypeOf(module: LightningModule): DType {
  return [...module.parameters()][0]?.dtype ?? "float32";
}
