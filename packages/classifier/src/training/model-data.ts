import { CtError, getLogger } from "@classifier-training/base";
import { noGrad, scope, zeros } from "@classifier-training/torch";
import { listModels, modelDefinition } from "@classifier-training/vision";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import type { ClassificationModel, PreparedImages } from "../model/classification-model.ts";
import { FileNetwork } from "../model/file/file-network.ts";

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

/**
 * Images are normalized as the weights of a model file want them.
 * @throws CtError for images of a size that the file's network does not take
 */
export function givePreprocessing(model: ClassificationModel, data: ClassificationDataModule): void {
  const { preprocessing } = model;
  if (preprocessing === undefined) return;
  requireSize(model, data, preprocessing);
  const { mean, std, from } = preprocessing;
  const own = data.normalization("train");
  const text = `mean ${valuesText(mean)}, std ${valuesText(std)}`;
  if (from === undefined) {
    log.warning(
      `the model file does not say how its images are normalized: ImageNet's ${text} are a guess (model.preprocessing sets others)`,
    );
  }
  if (String([own.mean, own.std]) === String([mean, std])) return;
  if (!data.setNormalization({ mean, std })) {
    log.warning(`the model file expects images with ${text}; ${data.constructor.name} normalizes with its own`);
    return;
  }
  if (isNear(own.mean, mean) && isNear(own.std, std)) return;
  log.info(
    `images are normalized for the model file: ${text} (${from ?? "a guess"}), not ${valuesText(own.mean)}, ${valuesText(own.std)}`,
  );
}

/** @throws CtError for images of a size that the network of a file does not take: one with reshapes to fixed sizes, say */
function requireSize(
  { model, network }: ClassificationModel,
  data: ClassificationDataModule,
  { height, width }: PreparedImages,
): void {
  const { input_height, input_width } = data.labelsMapping().preprocessing ?? {};
  if (!(model instanceof FileNetwork) || input_height === undefined || input_width === undefined) return;
  const training = model.training;
  model.eval();
  try {
    noGrad(() => scope(() => void model.call(zeros([2, 3, input_height, input_width]))));
  } catch (cause) {
    const isKnown = height !== undefined && width !== undefined;
    throw new CtError({
      code: "classifier/image-size",
      what: `images for ${network}: expected ${isKnown ? `${height} x ${width} px` : "another size"}, received ${input_height} x ${input_width} px`,
      where: "data.image_size",
      fix: !isKnown
        ? "set data.image_size to the size that the network was trained with"
        : height === width
          ? `data.image_size=${height}`
          : `transforms.image_size=[${height},${width}]`,
      cause,
    });
  } finally {
    model.train(training);
  }
}

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
  if (isNear(own.mean, mean) && isNear(own.std, std)) return;
  log.warning(
    `the weights of ${network} expect images with mean ${valuesText(mean)} and std ${valuesText(std)}; the transforms normalize with ${valuesText(own.mean)} and ${valuesText(own.std)}`,
  );
}

function isNear(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, channel) => Math.abs(value - (b[channel] ?? Number.NaN)) <= tolerance);
}

function valuesText(values: readonly number[]): string {
  return `[${values.map((value) => Number(value.toPrecision(4))).join(", ")}]`;
}
