import { getLogger } from "@classifier-training/base";
import { listModels, modelDefinition } from "@classifier-training/vision";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import type { ClassificationModel } from "../model/classification-model.ts";

const log = getLogger("classifier.train");

/**
 * The prior of `model.logit_adjustment` is that of the images that an epoch samples (Menon et al. 2021, section 3): where the
 * sampler balances the classes, there is nothing left to adjust, and the classes' own numbers would correct twice.
 */
export function giveClassPrior(model: ClassificationModel, data: ClassificationDataModule): void {
  const sampled = data.sampledClassCounts();
  model.setClassCounts(sampled);
  const present = sampled.filter((count) => count > 0);
  const isBalanced = present.every((count) => count === present[0]);
  if (model.options.logitAdjustment === 0 || !isBalanced || new Set(data.classCounts()).size === 1) return;
  log.warning(
    `model.logit_adjustment=${model.options.logitAdjustment} changes nothing: data.sampler balances the classes already`,
  );
}

/** Colors may differ by so much: of rounded constants. */
const tolerance = 0.01;

/** Published weights know images that are normalized as theirs were. */
export function warnOfOtherNormalization(
  { network, options }: ClassificationModel,
  data: ClassificationDataModule,
): void {
  const { pretrained, weights } = options;
  if (pretrained === false || weights !== null || !listModels().includes(network)) return;
  const published = modelDefinition(network).weights;
  const chosen = published.find(({ name }) => name === pretrained) ?? published.at(-1);
  if (chosen === undefined) return;
  const own = data.normalization("train");
  const { mean, std } = chosen.preprocessing;
  const isNear = (a: readonly number[], b: readonly number[]) =>
    a.every((value, channel) => Math.abs(value - (b[channel] ?? Number.NaN)) <= tolerance);
  if (isNear(own.mean, mean) && isNear(own.std, std)) return;
  const text = (values: readonly number[]) => `[${values.join(", ")}]`;
  log.warning(
    `the weights of ${network} expect images with mean ${text(mean)} and std ${text(std)}; the transforms normalize with ${text(own.mean)} and ${text(own.std)}`,
  );
}
