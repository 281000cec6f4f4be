import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { readRegularFile } from "@classifier-training/base";
import { TensorflowError } from "../errors.ts";
import type { Value } from "../graph/builder.ts";
import type { ImagePreprocessing, TensorflowNetwork } from "../network.ts";
import { buildGraphModel } from "./graph-model.ts";
import { JsonObject } from "./json.ts";
import { buildLayersModel, rescalesPixels } from "./layers-model.ts";
import { readWeights } from "./weights.ts";

const maxJsonBytes = 256 * 2 ** 20;

/**
 * Reads a TensorFlow.js model: its `model.json` (or the folder of it), the weights beside it, and the `metadata.json` of
 * Teachable Machine.
 * @throws TensorflowError for a damaged file, an unsupported operator or layer, control flow, weights elsewhere
 */
export function readTfjs(path: string): TensorflowNetwork {
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, "model.json") : path;
  const model = JsonObject.parse(readText(file), file);
  if (!model.has("modelTopology")) {
    throw new TensorflowError({
      code: "tensorflow/format",
      what: "expected a model.json of TensorFlow.js, received JSON without modelTopology",
      where: file,
      fix: "give the model.json that TensorFlow.js or its converter saved, with the weights files beside it",
    });
  }
  const weights = readWeights(model, file);
  const isGraph = model.object("modelTopology").has("node");
  const { builder, image, outputs } = (isGraph ? buildGraphModel : buildLayersModel)(model, weights, file);
  const machine = teachableMachine(file);
  const pixels = !isGraph && rescalesPixels(model);
  return {
    graph: builder.finish(outputs, {}, `TensorFlow.js ${model.text("generatedBy", "")}`.trim()),
    preprocessing: machine !== undefined ? scaling(image, 0.5, 0.5) : pixels ? scaling(image, 0, 1 / 255) : undefined,
    labels: machine,
  };
}

function readText(file: string): string {
  return new TextDecoder().decode(readRegularFile(file, maxJsonBytes));
}

/** Labels of an image model of Teachable Machine, which scales pixels to -1 to 1. Undefined for other models. */
function teachableMachine(file: string): readonly string[] | undefined {
  const path = join(dirname(file), "metadata.json");
  if (!existsSync(path)) return undefined;
  const metadata = JsonObject.parse(readText(path), path);
  if (!metadata.text("packageName", "").startsWith("@teachablemachine/")) return undefined;
  return metadata.texts("labels");
}

function scaling({ shape }: Value, mean: number, std: number): ImagePreprocessing | undefined {
  const [, height, width, channels] = shape;
  if (channels !== 3) return undefined;
  return {
    colorOrder: "RGB",
    layout: "NHWC",
    height: typeof height === "number" ? height : undefined,
    width: typeof width === "number" ? width : undefined,
    mean: [mean, mean, mean],
    std: [std, std, std],
  };
}
