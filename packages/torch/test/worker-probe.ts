import { parentPort, workerData } from "node:worker_threads";
import { isGradEnabled, memoryStats, noGrad, scope, tensor } from "../src/index.ts";

// Run by native.test.ts in a worker thread.
const { seed } = workerData as { seed: number };
const result = scope(() => {
  const x = tensor([1, 3], { requiresGrad: true });
  const sum = noGrad(() =>
    x
      .mul(2 * seed)
      .sum()
      .item(),
  );
  x.mul(4).sum().backward();
  const gradient = x.grad!.tolist();
  return { sum, gradient };
});
parentPort?.postMessage({ ...result, live: memoryStats().liveTensors, gradEnabled: isGradEnabled() });
