import { autograd, enableGrad, fromTypedArray, type nn, noGrad, scope, type Tensor } from "@classifier-training/torch";

/** Where in an image a score came from. */
export interface ActivationMap {
  /** `height * width` values in 0..1, row by row. */
  readonly values: Float32Array;
  readonly height: number;
  readonly width: number;
}

/**
 * The module whose output Grad-CAM reads: the last one to give feature maps, [N, C, H, W] with more than one pixel.
 * @param images one batch of the network's input
 * @returns undefined for a network without feature maps
 */
export function lastFeatureStage(network: nn.Module, images: Tensor): nn.Module | undefined {
  let last: nn.Module | undefined;
  const handles = [...network.modules()].map((module) =>
    module.registerForwardHook((_module, _inputs, output) => {
      const { ndim, shape } = output as Tensor;
      if (ndim === 4 && (shape[2] ?? 0) * (shape[3] ?? 0) > 1) last = module as nn.Module;
      return undefined;
    }),
  );
  try {
    noGrad(() => scope(() => void network.call(images)));
  } finally {
    for (const handle of handles) handle.remove();
  }
  return last;
}

/**
 * Grad-CAM (Selvaraju et al., arXiv:1610.02391): the feature maps of a stage, weighted by the mean gradient of a class's
 * logit over each map, summed, cut off below zero and scaled to 0..1. Only the part behind the stage is differentiated,
 * and no parameter receives a gradient.
 *
 * @param images [N, 3, H, W]
 * @param classes the class to explain, one per image
 */
export function gradCam(
  network: nn.Module,
  stage: nn.Module,
  images: Tensor,
  classes: readonly number[],
): ActivationMap[] {
  return enableGrad(() =>
    scope(() => {
      let features: Tensor | undefined;
      const handle = stage.registerForwardHook((_module, _inputs, output) => {
        features = (output as Tensor).detach();
        features.requiresGrad = true;
        return features;
      });
      let logits: Tensor;
      try {
        logits = network.call(images) as Tensor;
      } finally {
        handle.remove();
      }
      if (features === undefined) return [];
      const chosen = fromTypedArray(BigInt64Array.from(classes, BigInt), [classes.length, 1]);
      const score = logits.gather(1, chosen.to({ device: logits.device })).sum();
      const [gradient] = autograd.grad(score, features);
      if (gradient === null || gradient === undefined) return [];
      const maps = noGrad(() =>
        gradient
          .mean([2, 3], { keepdim: true })
          .mul(features as Tensor)
          .sum(1)
          .clamp(0)
          .to({ dtype: "float32", device: "cpu" })
          .contiguous(),
      );
      const [, height = 0, width = 0] = maps.shape;
      const all = maps.toTypedArray() as Float32Array;
      return classes.map((_, i) => {
        const values = all.slice(i * height * width, (i + 1) * height * width);
        const top = Math.max(...values);
        return { values: top > 0 ? values.map((value) => value / top) : values, height, width };
      });
    }),
  );
}
