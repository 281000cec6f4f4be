import { parseOptions, Rng } from "@classifier-training/base";
import { beta } from "@classifier-training/image";
import { noGrad, scope, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { type BatchTransform, type ClassificationBatch, classificationBatch } from "../loader/batch.ts";
import { optionsError, softLabels } from "./soft-labels.ts";

export const mixUpOptionsSchema = z.strictObject({
  /** Both parameters of the beta distribution of lambda. */
  alpha: z.number().positive("must be greater than 0").default(1),
  /** By default the data's. */
  numClasses: z.number().int().min(2, "must be at least 2").nullish(),
});

/**
 * Blends each image of a batch with its neighbor, and the labels likewise (Zhang et al., 2018). Labels become soft:
 * [N, K] float32. Given to a DataLoader as `batchTransform`.
 */
export class MixUp implements BatchTransform {
  readonly options: z.output<typeof mixUpOptionsSchema>;

  constructor(options: z.input<typeof mixUpOptionsSchema> = {}) {
    this.options = parseOptions("MixUp", mixUpOptionsSchema, options, optionsError);
  }

  apply(batch: ClassificationBatch, key: readonly number[], numClasses?: number): ClassificationBatch {
    const lambda = beta(this.options.alpha, this.options.alpha, Rng.at(...key, "MixUp"));
    const mix = (values: Tensor) =>
      values
        .roll([1], [0])
        .mul_(1 - lambda)
        .add_(values.mul(lambda));
    const [images, labels] = noGrad(() =>
      scope(
        () =>
          [mix(batch.images), mix(softLabels(batch.labels, this.options.numClasses ?? numClasses, "MixUp"))] as const,
      ),
    );
    batch[Symbol.dispose]();
    return classificationBatch(images, labels, batch.indices);
  }
}
