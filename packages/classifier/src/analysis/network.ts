import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CtError, getLogger, plural, progressInLog } from "@classifier-training/base";
import { inspectCheckpoint } from "@classifier-training/lightning";
import { runPaths, type SplitRecord } from "@classifier-training/runs";
import {
  CenterCrop,
  Compose,
  listModels,
  loadPretrained,
  modelDefinition,
  Normalize,
  Resize,
  ToFloat32Tensor,
  type Transform,
} from "@classifier-training/vision";
import { FeatureCache, type ImageDescription } from "../data/feature-cache.ts";
import { labelsMappingOf, type Normalization } from "../data/preprocessing.ts";
import { imageInput } from "../evaluation/predict-split.ts";
import { CheckpointClassifier } from "../inference/checkpoint-classifier.ts";
import { checkpointOf } from "../inference/open-classifier.ts";
import { createFileModel } from "../model/build.ts";
import { ClassificationModel, type PreparedImages } from "../model/classification-model.ts";
import { classificationModelOptionsSchema } from "../model/options.ts";
import { buildBackbone } from "../model/recipe.ts";
import { recordedSplitOf } from "../training/recorded-split.ts";
import type { DataImage } from "./labeled-data.ts";

const log = getLogger("classifier.data");

/** Images per forward pass. */
const batchSize = 32;
/** Programs that started the command follow its progress. */
export const progressMs = 1000;

/** A network that says what it knows of images. */
export interface Network {
  /** As it was given: a run directory, a checkpoint, a model file, a name of the model zoo. */
  readonly name: string;
  /** Of its logits; undefined where it was trained for other classes than the data's. */
  readonly classNames: readonly string[] | undefined;
  /** Published weights, or a model file: it has seen none of the images. */
  readonly isForeign: boolean;
  /** The split that its run has recorded. */
  readonly record: SplitRecord | undefined;
  /**
   * What it says of images, asked once for each content; undefined of those that cannot be read.
   * @param progress the name of its progress: `features: 32 of 400`
   */
  describe(images: readonly DataImage[], progress?: string): Promise<(ImageDescription | undefined)[]>;
  close(): Promise<void>;
}

/**
 * Opens the best checkpoint of a run, a checkpoint, a model file, or a network of the zoo with its published weights.
 * @throws CtError where there is none
 */
export async function openNetwork(name: string): Promise<Network> {
  const isPublished = !existsSync(name) && listModels().includes(name);
  const isFile = !isPublished && isModelFile(name);
  const isForeign = isPublished || isFile;
  const open = isPublished ? openPublished : isFile ? openFile : openTrained;
  const { classifier, digest } = await open(name);
  const cache = new FeatureCache(`${digest}\n${JSON.stringify(classifier.mapping.preprocessing)}`);
  return {
    name,
    isForeign,
    classNames: isForeign ? undefined : classifier.classNames,
    record: isForeign ? undefined : recordedSplitOf(name),
    close: () => classifier.close(),
    async describe(images, progress = "features") {
      const onProgress = progressInLog(log, (done, total) => `${progress}: ${done} of ${total}`, progressMs);
      const unreadable: string[] = [];
      const rows = new Array<ImageDescription | undefined>(images.length);
      const missing = [...images.keys()].filter((i) => {
        rows[i] = cache.get((images[i] as DataImage).content);
        return rows[i] === undefined;
      });
      let done = images.length - missing.length;
      for (let start = 0; start < missing.length; start += batchSize) {
        const batch = missing.slice(start, start + batchSize);
        for (const [j, row] of (await describeEach(classifier, pick(images, batch))).entries()) {
          const i = batch[j] as number;
          rows[i] = row;
          if (row === undefined) unreadable.push((images[i] as DataImage).sample);
          else cache.set((images[i] as DataImage).content, row);
        }
        done += batch.length;
        onProgress(done, images.length);
      }
      cache.save();
      if (unreadable.length > 0)
        log.warning(`${plural(unreadable.length, "image")} left out (cannot be read): such as ${unreadable[0]}`);
      return rows;
    },
  };
}

function pick<T>(values: readonly T[], indices: readonly number[]): T[] {
  return indices.map((i) => values[i] as T);
}

/** One by one where an image of a batch cannot be read. */
async function describeEach(
  classifier: CheckpointClassifier,
  images: readonly DataImage[],
): Promise<(ImageDescription | undefined)[]> {
  try {
    return await classifier.describe(await Promise.all(images.map(imageInput)));
  } catch (error) {
    if (!CtError.is(error) || error.code === "classifier/not-finite") throw error;
    if (images.length === 1) return [undefined];
    const rows = [];
    for (const image of images) rows.push(...(await describeEach(classifier, [image])));
    return rows;
  }
}

interface Opened {
  readonly classifier: CheckpointClassifier;
  /** Of its weights. */
  readonly digest: string;
}

async function openTrained(name: string): Promise<Opened> {
  const path = await checkpointOf(name).catch((error: unknown) => {
    if (!CtError.is(error) || error.code !== "classifier/model") throw error;
    const fix = "give a run directory, a checkpoint, a model file, or a network of the model zoo such as resnet18";
    throw new CtError({ ...error.problem, fix });
  });
  const classifier = await CheckpointClassifier.load(path);
  const { weightsSha256, checksum } = inspectCheckpoint(path);
  if (classifier.task === "multiclass") return { classifier, digest: weightsSha256 || checksum };
  await classifier.close();
  throw new CtError({
    code: "data/multilabel",
    what: "expected a network for one label per image, received one for several",
    where: name,
    fix: "this command judges data with one label per image",
  });
}

/** Published weights, with the preprocessing that they were measured with. */
async function openPublished(name: string): Promise<Opened> {
  const definition = modelDefinition(name);
  const weights = definition.weights.at(-1);
  if (weights === undefined) {
    const fix = "give a run directory in its place";
    throw new CtError({ code: "data/published", what: `there are no published weights of ${name}`, fix });
  }
  const { preprocessing, url, numClasses, imageSize = null } = weights;
  const options = classificationModelOptionsSchema.parse({ numClasses: numClasses || 2, pretrained: false, imageSize });
  const network = buildBackbone(name, options, options.numClasses as number);
  await loadPretrained(network, name, true, { scratch: "a run directory in place of the network's name" });
  const model = new ClassificationModel(options, name, () => network);
  model.eval();
  const { resize, crop, interpolation } = preprocessing;
  const geometry = [Resize({ size: resize, interpolation }), CenterCrop({ size: [crop, crop] })];
  return { classifier: await prepared(model, geometry, preprocessing), digest: url };
}

/** What `model=file` takes, but the export of a run: that was trained on these images, or on others, which its run knows. */
function isModelFile(name: string): boolean {
  if (existsSync(join(dirname(name), runPaths.labels))) return false;
  if (/^(npm:|hf:\/\/|https?:\/\/)/.test(name)) return true;
  return (
    /\.(onnx|tflite|json|safetensors|pth|pt)$/.test(name) &&
    statSync(name, { throwIfNoEntry: false })?.isFile() === true
  );
}

/** A network of a model file, with what the file says of preprocessing. */
async function openFile(name: string): Promise<Opened> {
  const model = await createFileModel({ path: name, numClasses: 2 });
  model.eval();
  const { mean, std, from, height = usualSize, width = height } = model.preprocessing as PreparedImages;
  if (from === undefined)
    log.warning(`${name} does not say how its images are normalized: ImageNet's mean and std are a guess`);
  const geometry =
    height === width
      ? [Resize({ size: Math.round((height * 256) / 224) }), CenterCrop({ size: [height, width] })]
      : [Resize({ size: [height, width] })];
  return { classifier: await prepared(model, geometry, { mean, std }), digest: model.initialWeights as string };
}

/** Of files that say none. */
const usualSize = 224;

function prepared(model: ClassificationModel, geometry: readonly Transform[], { mean, std }: Normalization) {
  const { options, network: backbone, numClasses } = model;
  const transform = Compose({
    transforms: [...geometry, ToFloat32Tensor(), Normalize({ mean: [...mean], std: [...std] })],
  });
  const classNames = Array.from({ length: numClasses }, (_, k) => String(k));
  const labels = labelsMappingOf(classNames, transform, usualSize, true);
  return CheckpointClassifier.load({ model, recipe: { backbone, options, labels } });
}
