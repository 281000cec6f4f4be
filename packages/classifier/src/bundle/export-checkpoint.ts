import { join } from "node:path";
import { checkOnnx, exportOnnx } from "@classifier-training/onnx";
import { runPaths, writeLabelsMapping } from "@classifier-training/runs";
import { randn } from "@classifier-training/torch";
import { defaultImageSize } from "../data/options.ts";
import { type OpenedCheckpoint, openCheckpoint } from "../model/recipe.ts";

/**
 * Exports a checkpoint as `model.onnx` with `labels_mapping.json` into a folder.
 * @returns the checkpoint as it was opened, and the largest difference between ONNX Runtime's and LibTorch's logits
 */
export async function exportCheckpoint(
  path: string,
  folder: string,
): Promise<{ opened: OpenedCheckpoint; maxAbsDiff: number }> {
  const opened = openCheckpoint(path);
  const { model, recipe } = opened;
  const { input_height = defaultImageSize, input_width = defaultImageSize } = recipe.labels.preprocessing ?? {};
  const input = randn([2, 3, input_height, input_width]);
  const modelPath = join(folder, runPaths.model);
  exportOnnx(model, input, {
    path: modelPath,
    inputNames: ["input"],
    outputNames: ["logits"],
    metadata: { weights: path },
  });
  const { maxAbsDiff } = await checkOnnx(modelPath, input, model);
  input.dispose();
  writeLabelsMapping(folder, recipe.labels);
  return { opened, maxAbsDiff };
}
