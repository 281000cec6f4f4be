import { parseOptions, Rng } from "@classifier-training/base";
import type { Box } from "@classifier-training/image";
import { beta } from "@classifier-training/image";
import { noGrad, scope } from "@classifier-training/torch";
import type { z } from "zod";
import { type BatchTransform, type ClassificationBatch, classificationBatch } from "../loader/batch.ts";
import { mixUpOptionsSchema } from "./mix-up.ts";
import { optionsError, softLabels } from "./soft-labels.ts";

/** The rectangle that CutMix pastes: 1 - `lambda` of the area, less what the border cuts off. */
export function cutBox(width: number, height: number, lambda: number, rng: Rng): Box {
  const x = rng.integer(width);
  const y = rng.integer(height);
  const half = 0.5 * Math.sqrt(1 - lambda);
  const halfWidth = Math.trunc(half * width);
  const halfHeight = Math.trunc(half * height);
  const left = Math.max(0, x - halfWidth);
  const top = Math.max(0, y - halfHeight);
  const right = Math.min(width, x + halfWidth);
  const bottom = Math.min(height, y + halfHeight);
  return { left, top, width: right - left, height: bottom - top };
}

/**
 * Pastes a rectangle of each image's neighbor into it, and blends the labels by the areas (Yun et al., 2019). Labels
 * become soft: [N, K] float32.
 */
export class CutMix implements BatchTransform {
  readonly options: z.output<typeof mixUpOptionsSchema>;

  constructor(options: z.input<typeof mixUpOptionsSchema> = {}) {
    this.options = parseOptions("CutMix", mixUpOptionsSchema, options, optionsError);
  }

  apply(batch: ClassificationBatch, key: readonly number[], numClasses?: number): ClassificationBatch {
    const rng = Rng.at(...key, "CutMix");
    const [, , height = 1, width = 1] = batch.images.shape;
    const box = cutBox(width, height, beta(this.options.alpha, this.options.alpha, rng), rng);
    const lambda = 1 - (box.width * box.height) / (width * height);
    const [images, labels] = noGrad(() =>
      scope(() => {
        const made = batch.images.clone();
        if (box.width > 0 && box.height > 0) {
          const part = (from: typeof made) => from.narrow(2, box.top, box.height).narrow(3, box.left, box.width);
          part(made).copy_(part(batch.images.roll([1], [0])));
        }
        const soft = softLabels(batch.labels, this.options.numClasses ?? numClasses, "CutMix");
        return [
          made,
          soft
            .roll([1], [0])
            .mul_(1 - lambda)
            .add_(soft.mul(lambda)),
        ] as const;
      }),
    );
    batch[Symbol.dispose]();
    return classificationBatch(images, labels, batch.indices);
  }
}
