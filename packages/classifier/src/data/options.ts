import { getLogger, progressInLog } from "@classifier-training/base";
import { syntheticNumbersOptionsSchema } from "@classifier-training/jersey";
import {
  type BatchTransform,
  type ImageStep,
  type OpenOptions,
  type Transform,
  taskChoices,
} from "@classifier-training/vision";
import { z } from "zod";
import { splitOptions } from "./split-options.ts";

const transform = z
  .custom<Transform>((value) => typeof value === "object" && value !== null && "run" in value, "must be a transform")
  .nullish();

const batchTransform = z
  .custom<BatchTransform>(
    (value) => typeof value === "object" && value !== null && "apply" in value,
    "must be MixUp, CutMix or another transform of whole batches",
  )
  .nullish()
  .describe("changes whole training batches, as MixUp does");

const imageStep = z.custom<ImageStep>(
  (value) => typeof value === "object" && value !== null && "name" in value && "module" in value,
  "expected an image step",
);

export const samplerOptionsSchema = z.strictObject({
  mode: z.enum(["disabled", "auto", "manual"]).default("disabled"),
  classWeights: z.record(z.string(), z.number().min(0)).nullable().default(null),
  numSamples: z.int().positive().nullable().default(null),
  replacement: z.boolean().default(true),
});

/** Width and height of a network's input in pixels, where nothing says otherwise. */
export const defaultImageSize = 224;

/** The options that say how a data root is read and split: every command that opens data has them. */
export const readingOptionsSchema = z.strictObject({
  imageColumn: z.string().nullish().describe("column of a list with the images (found by its name otherwise)"),
  labelColumn: z.string().nullish().describe("column of a list with the classes"),
  splitColumn: z.string().nullish().describe("column of a list with the splits"),
  ...splitOptions,
  extraClasses: z
    .array(z.string().min(1))
    .default([])
    .describe("classes beside those of the training images, for a network or synthetic images that know them"),
  classFolder: z
    .enum(["top", "leaf"])
    .default("top")
    .describe("which folder of an image is its class: the one in the root (as torchvision), or the innermost"),
  task: z
    .enum(taskChoices)
    .default("auto")
    .describe("multiclass: one label per image; multilabel: any number; auto: as the data says"),
  exifOrientation: z
    .boolean()
    .default(false)
    .describe("turn images as their EXIF orientation says; torchvision and Pillow's Image.open do not"),
  maxPixels: z.int().positive().nullish().describe("images with more pixels are refused (default 100 million)"),
  onMissing: z
    .enum(["raise", "skip"])
    .default("raise")
    .describe("what happens to annotations whose image does not exist"),
  allowEmpty: z
    .union([z.boolean(), z.literal("skip")])
    .default(false)
    .describe("whether a class folder may hold no images; with skip it is not a class then"),
});

export type ReadingOptions = z.infer<typeof readingOptionsSchema>;

export const imageFolderDataModuleOptionsSchema = z.strictObject({
  dataRoot: z
    .string()
    .describe("a folder of class folders, with or without train/, valid/ and test/, or a list of images"),
  ...readingOptionsSchema.shape,
  batchSize: z.int().positive().default(32),
  numWorkers: z.int().min(0).default(4),
  dropLast: z
    .union([z.boolean(), z.literal("auto")])
    .default("auto")
    .describe(
      "leave out the last batch of a training epoch: when it is not full (true), or has a single sample (auto)",
    ),
  pinMemory: z.boolean().default(true),
  persistentWorkers: z.boolean().default(true),
  imageSize: z.int().positive().default(defaultImageSize),
  useCache: z.boolean().default(false).describe("keep decoded images"),
  cacheType: z.enum(["ram", "disk"]).default("ram"),
  sampler: samplerOptionsSchema.nullish(),
  repeatedAugmentation: z
    .int()
    .min(1)
    .default(1)
    .describe("copies of an image in a training epoch, each augmented otherwise; epochs stay as long as they are"),
  classWeights: z
    .enum(["inverse", "effective", "none"])
    .default("inverse")
    .describe("how rare classes count in the loss (multilabel: the positive samples of each class)"),
  synthetic: syntheticNumbersOptionsSchema
    .nullish()
    .describe("synthetic jersey numbers that are added to rare classes in training, kept in the user's cache"),
  trimBars: z
    .boolean()
    .default(false)
    .describe("crop bars of one color along the edges of training images; short for the image step TrimBars"),
  imageSteps: z
    .array(imageStep)
    .default([])
    .describe("steps of training images between decoding and the cache (defineImageStep)"),
  onError: z.enum(["raise", "skip"]).default("raise").describe("what happens to images that cannot be decoded"),
  seed: z.int().default(42),
  trainTransforms: transform,
  batchTransform,
  valTransforms: transform,
  testTransforms: transform,
});

export type ImageFolderDataModuleOptions = z.infer<typeof imageFolderDataModuleOptionsSchema>;
export type ImageFolderDataModuleInput = z.input<typeof imageFolderDataModuleOptionsSchema>;

const log = getLogger("classifier.data");

/** How `openData` reads a data root. */
export function openOptionsOf(options: ReadingOptions): OpenOptions {
  const { onMissing, allowEmpty, classFolder, exifOrientation, task } = options;
  return {
    ...{ onMissing, allowEmpty, classFolder, exifOrientation, task },
    maxPixels: options.maxPixels ?? undefined,
    imageColumn: options.imageColumn ?? undefined,
    labelColumn: options.labelColumn ?? undefined,
    splitColumn: options.splitColumn ?? undefined,
    onRows: progressInLog(log, (done, total) => `reading the list of images: ${done} of ${total} rows`),
  };
}
