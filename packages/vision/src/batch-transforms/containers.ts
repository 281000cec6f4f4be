import { parseOptions, Rng } from "@classifier-training/base";
import { z } from "zod";
import type { BatchTransform, ClassificationBatch } from "../loader/batch.ts";
import { optionsError } from "./soft-labels.ts";

/** Whether it changes whole batches: those of images have a `run`. */
export function isBatchTransform(value: unknown): value is BatchTransform {
  return typeof value === "object" && value !== null && "apply" in value && typeof value.apply === "function";
}

const members = z.array(z.custom<BatchTransform>(isBatchTransform, "must be MixUp, CutMix or the like")).min(1);
const fraction = z.number().min(0, "must be between 0 and 1").max(1, "must be between 0 and 1");

const choiceSchema = z
  .strictObject({ transforms: members, p: z.array(fraction).nullish() })
  .refine(({ transforms, p }) => p == null || p.length === transforms.length, {
    path: ["p"],
    message: "must have one value for each transform",
  })
  .refine(({ p }) => p == null || p.some((value) => value > 0), { path: ["p"], message: "must not be all zero" });

/** One of several transforms of batches for each batch, as torchvision's reference has MixUp or CutMix. */
export class RandomBatchChoice implements BatchTransform {
  readonly options: z.output<typeof choiceSchema>;

  constructor(options: z.input<typeof choiceSchema>) {
    this.options = parseOptions("RandomChoice", choiceSchema, options, optionsError);
  }

  apply(batch: ClassificationBatch, key: readonly number[], numClasses?: number): ClassificationBatch {
    const { transforms, p } = this.options;
    const weights = p ?? transforms.map(() => 1);
    let left = Rng.at(...key, "RandomChoice").uniform() * weights.reduce((sum, weight) => sum + weight, 0);
    const chosen = weights.findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
    return (transforms[chosen] ?? (transforms.at(-1) as BatchTransform)).apply(batch, key, numClasses);
  }
}

const applySchema = z.strictObject({ transforms: members, p: fraction.default(0.5) });

/** Transforms of batches one after the other, for a fraction `p` of the batches; the others keep their labels as they are. */
export class RandomBatchApply implements BatchTransform {
  readonly options: z.output<typeof applySchema>;

  constructor(options: z.input<typeof applySchema>) {
    this.options = parseOptions("RandomApply", applySchema, options, optionsError);
  }

  apply(batch: ClassificationBatch, key: readonly number[], numClasses?: number): ClassificationBatch {
    const { transforms, p } = this.options;
    if (!Rng.at(...key, "RandomApply").chance(p)) return batch;
    return transforms.reduce((made, transform) => transform.apply(made, key, numClasses), batch);
  }
}
