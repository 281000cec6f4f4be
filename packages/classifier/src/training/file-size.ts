import { CtError } from "@classifier-training/base";
import { DictConfig, type FirstLook, get, parseOverride, select } from "@classifier-training/hydra";
import { composedLook } from "./composed-look.ts";

/** Of the data where nothing chooses one: `defaultImageSize`, whose module is not loaded to show a configuration. */
const usualSize = 224;

interface Size {
  readonly height?: number | undefined;
  readonly width?: number | undefined;
}

/**
 * The overrides that give images the size that a model file is made for, where neither the command line nor the user's
 * configuration chooses one.
 */
export async function decideFileSize(look: FirstLook): Promise<readonly string[]> {
  const config = composedLook(look);
  const model = config && select(config, "model");
  if (config === undefined || !(model instanceof DictConfig)) return [];
  const path = get(model, "path", null);
  if (typeof path !== "string" || !String(get(model, "_target_", "")).endsWith(".FileClassificationModel")) return [];
  if (look.overrides.some((line) => /(^|\.)image_size$/.test(parseOverride(line).keyOrGroup))) return [];
  const group = ["data", "datamodule"].find((name) => select(config, name) != null) ?? "data";
  const current = select(config, `${group}.image_size`);
  if (current !== undefined && current !== usualSize) return [];
  const preprocessing = get(model, "preprocessing", null);
  const own = (key: string) => (preprocessing instanceof DictConfig ? get(preprocessing, key, null) : null);
  const size = await sizeOfFile(path, config, model);
  const height = Number(own("height") ?? size.height ?? own("width") ?? size.width ?? 0);
  const width = Number(own("width") ?? size.width ?? height);
  if (height === 0) return [];
  if (height === width) return [`++${group}.image_size=${height}`];
  // Transforms of the user's own have sizes of their own.
  if (select(config, "transforms.image_size") === undefined) return [];
  const hasExport = select(config, "callbacks.onnx_export.input_height") !== undefined;
  return [
    `++${group}.image_size=${Math.max(height, width)}`,
    `++transforms.image_size=[${height},${width}]`,
    ...(hasExport
      ? [`++callbacks.onnx_export.input_height=${height}`, `++callbacks.onnx_export.input_width=${width}`]
      : []),
  ];
}

/** What is wrong with a file, the training says; of one that is gone, the checkpoints of its training know the size. */
async function sizeOfFile(path: string, config: DictConfig, model: DictConfig): Promise<Size> {
  const { checkpointFolder, storedNetwork } = await import("./stored-network.ts");
  const stored = storedNetwork(model, [checkpointFolder(config)]);
  if (stored !== undefined) return stored.preprocessing;
  const { readModelFile } = await import("../model/file/read.ts");
  const { openGraph, preprocessingOf } = await import("../model/file/open.ts");
  try {
    const file = await readModelFile(path);
    if (file.kind === "weights") return preprocessingOf(file, null);
    const head: unknown = get(model, "head", null);
    return openGraph(file, { head: typeof head === "string" ? head : null, preprocessing: null }).preprocessing;
  } catch (error) {
    if (CtError.is(error)) return {};
    throw error;
  }
}
