import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { CtError, readRegularFile } from "@classifier-training/base";
import { imagenetMean, imagenetStd } from "@classifier-training/image";
import { readLabelsMapping, runPaths } from "@classifier-training/runs";
import { z } from "zod";

type Triple = readonly [number, number, number];

/** How a network wants its images. */
export interface ImagePreprocessing {
  readonly colorOrder: "RGB" | "BGR";
  /** Pixels; undefined where any size is taken. */
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** Of values in 0..1, in RGB order. */
  readonly mean: Triple;
  readonly std: Triple;
}

export type Known = { readonly [Key in keyof ImagePreprocessing]?: ImagePreprocessing[Key] | undefined };

/** What is known of a file's preprocessing, and its classes, where something says. */
export interface Described {
  readonly preprocessing?: Known;
  readonly labels?: readonly string[];
  /** Who says so, for people. */
  readonly from: string;
}

const same = (value: number): Triple => [value, value, value];
const of255 = (values: Triple): Triple => values.map((value) => value / 255) as unknown as Triple;

/** Normalizations by the names under which they are known. */
export const namedPreprocessing: Readonly<Record<string, Pick<ImagePreprocessing, "colorOrder" | "mean" | "std">>> = {
  imagenet: { colorOrder: "RGB", mean: imagenetMean, std: imagenetStd },
  /** -1..1: TensorFlow's MobileNets and Inception. */
  inception: { colorOrder: "RGB", mean: same(0.5), std: same(0.5) },
  clip: {
    colorOrder: "RGB",
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
  },
  /** BGR in 0..255 less the mean. */
  caffe: { colorOrder: "BGR", mean: of255([123.68, 116.779, 103.939]), std: of255(same(1)) },
  /** 0..1. */
  unit: { colorOrder: "RGB", mean: same(0), std: same(1) },
  /** 0..255. */
  raw: { colorOrder: "RGB", mean: same(0), std: of255(same(1)) },
};

const triple = z
  .union([z.number().transform(same), z.array(z.number()).length(3)])
  .transform((values) => [...values] as unknown as Triple);
const side = z.int().positive().max(16_384);

/** `model.preprocessing` as YAML has it. */
export const preprocessingOptionSchema = z.union([
  z.enum(Object.keys(namedPreprocessing) as [string, ...string[]]),
  z.strictObject({
    mean: triple,
    std: triple,
    colorOrder: z.enum(["RGB", "BGR"]).optional(),
    height: side.optional(),
    width: side.optional(),
  }),
]);

export type PreprocessingOption = z.infer<typeof preprocessingOptionSchema>;

export function ofOption(option: PreprocessingOption): Known {
  return typeof option === "string" ? (namedPreprocessing[option] ?? {}) : option;
}

/** Larger files beside a model are not its description. */
const maxDescriptionBytes = 16 * 2 ** 20;

/**
 * What the files beside a model say: `labels_mapping.json` of a run or bundle, `preprocessor_config.json` and `config.json`
 * of timm and transformers (also one folder up, where the model is in `onnx/`).
 * @throws CtError for one of these that is damaged
 */
export function describedBeside(path: string): Described[] {
  const folder = dirname(path);
  const labels = join(folder, runPaths.labels);
  if (existsSync(labels)) return [ofLabelsMapping(labels)];
  for (const place of [folder, dirname(folder)]) {
    const found = ["preprocessor_config.json", "config.json"].flatMap((name): Described[] => {
      const file = join(place, name);
      return existsSync(file) ? [{ ...ofConfig(readJson(file)), from: name }] : [];
    });
    if (found.some(({ preprocessing, labels }) => preprocessing !== undefined || labels !== undefined)) return found;
  }
  return [];
}

function ofLabelsMapping(path: string): Described {
  const { normalization, preprocessing, class_to_idx } = readLabelsMapping(path);
  const labels: string[] = [];
  for (const [name, index] of Object.entries(class_to_idx)) labels[index] = name;
  return {
    preprocessing: {
      colorOrder: "RGB",
      mean: normalization.mean as unknown as Triple,
      std: normalization.std as unknown as Triple,
      height: preprocessing?.input_height,
      width: preprocessing?.input_width,
    },
    labels,
    from: runPaths.labels,
  };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readRegularFile(path, maxDescriptionBytes).toString("utf8"));
  } catch (cause) {
    if (CtError.is(cause)) throw cause;
    throw new CtError({
      code: "classifier/model-file",
      what: "the model's description is not JSON",
      where: path,
      fix: "repair the file, or move the model away from it",
      cause,
    });
  }
}

/** Several keys of one meaning, in timm's and transformers' files: those of another form are not theirs. */
const configSchema = z
  .object({
    pretrained_cfg: z.object({
      mean: triple,
      std: triple,
      input_size: z.tuple([z.number(), side, side]).optional().catch(undefined),
    }),
    image_mean: triple,
    image_std: triple,
    do_normalize: z.boolean(),
    do_rescale: z.boolean(),
    size: z.union([side, z.object({ height: side, width: side }), z.object({ shortest_edge: side })]),
    crop_size: z.union([side, z.object({ height: side, width: side })]),
    id2label: z.record(z.string(), z.string()),
  })
  .partial();

function ofConfig(json: unknown): Omit<Described, "from"> {
  if (typeof json !== "object" || json === null) return {};
  const known = Object.fromEntries(
    Object.entries(configSchema.shape).flatMap(([key, schema]) => {
      const read = schema.safeParse((json as Record<string, unknown>)[key]);
      return read.success && read.data !== undefined ? [[key, read.data]] : [];
    }),
  ) as z.infer<typeof configSchema>;
  const { pretrained_cfg: timm, image_mean, image_std, do_normalize, do_rescale, id2label } = known;
  const size = sides(known.crop_size ?? known.size);
  const isOfImages = image_mean !== undefined || do_normalize !== undefined || do_rescale !== undefined;
  const plain = do_rescale === false ? namedPreprocessing["raw"] : namedPreprocessing["unit"];
  const normalized = image_mean !== undefined && image_std !== undefined && do_normalize !== false;
  const transformers = isOfImages
    ? { ...(normalized ? { mean: image_mean, std: image_std } : plain), colorOrder: "RGB" as const, ...size }
    : undefined;
  const [, height, width] = timm?.input_size ?? [];
  const ofTimm = timm && { mean: timm.mean, std: timm.std, colorOrder: "RGB" as const, height, width };
  const labels = id2label && namesByIndex(id2label);
  const preprocessing = ofTimm ?? transformers;
  return { ...(preprocessing && { preprocessing }), ...(labels && { labels }) };
}

function sides(size: z.infer<typeof configSchema>["size"]): { height?: number; width?: number } {
  if (size === undefined) return {};
  if (typeof size === "number") return { height: size, width: size };
  return "height" in size ? size : { height: size.shortest_edge, width: size.shortest_edge };
}

/** Names of classes by their indices; undefined where there are gaps. */
function namesByIndex(names: Readonly<Record<string, string>>): readonly string[] | undefined {
  const count = Object.keys(names).length;
  const listed = Array.from({ length: count }, (_, index) => names[String(index)]);
  return listed.every((name) => name !== undefined) ? (listed as string[]) : undefined;
}

/**
 * What the metadata of an ONNX file says: `mean` and `std` as JSON, `imgsz` and `names` of Ultralytics, and the keys of
 * ONNX's own document MetadataProps.md (`Image.BitmapPixelFormat`, `Image.NominalPixelRange`).
 */
export function describedByMetadata(metadata: Readonly<Record<string, string>>): Described | undefined {
  const json = (key: string): unknown => {
    try {
      return JSON.parse(metadata[key] ?? "null");
    } catch {
      return undefined;
    }
  };
  const [mean, std] = [triple.safeParse(json("mean")).data, triple.safeParse(json("std")).data];
  const [height, width] = z.tuple([side, side]).safeParse(json("imgsz")).data ?? [];
  const format = metadata["Image.BitmapPixelFormat"]?.slice(0, 3).toUpperCase();
  const colorOrder = format === "BGR" ? "BGR" : format === "RGB" ? "RGB" : undefined;
  const range = {
    NominalRange_0_255: namedPreprocessing["raw"],
    Normalized_0_1: namedPreprocessing["unit"],
    Normalized_1_1: namedPreprocessing["inception"],
  }[metadata["Image.NominalPixelRange"] ?? ""];
  // Ultralytics' classifiers take 0..1.
  const normalization =
    mean && std ? { mean, std } : (range ?? (height === undefined ? {} : namedPreprocessing["unit"]));
  const preprocessing: Known = { ...normalization, ...(colorOrder && { colorOrder }), height, width };
  const labels = pythonNames(metadata["names"] ?? "");
  const isSaid = [...Object.values(preprocessing), labels].some((value) => value !== undefined);
  if (!isSaid) return undefined;
  return { preprocessing, ...(labels && { labels }), from: "the file's metadata" };
}

/** `{0: 'cat', 1: 'dog'}`, as Python prints it. */
function pythonNames(text: string): readonly string[] | undefined {
  const entries = [...text.slice(0, maxDescriptionBytes).matchAll(/(\d+): (?:'([^']*)'|"([^"]*)")/g)];
  const names = entries.map(([, index = "", single, double]) => [index, single ?? double ?? ""] as const);
  return entries.length === 0 ? undefined : namesByIndex(Object.fromEntries(names));
}
