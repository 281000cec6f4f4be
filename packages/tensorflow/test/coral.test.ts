import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readTflite } from "../src/index.ts";

const folder = join(import.meta.dirname, "../../../../shared/weights/coral");
const absent = "published TFLite networks are not beside this repository";

test("MobileNetV2's file becomes convolutions, its preprocessing and its labels", ({ skip }) => {
  skip(!existsSync(folder), absent);
  const file = join(folder, "mobilenet_v2_1.0_224_quant.tflite");
  const { graph, preprocessing, labels } = readTflite(readFileSync(file), file);
  const counts: Record<string, number> = {};
  for (const { op } of graph.nodes) counts[op] = (counts[op] ?? 0) + 1;
  expect(counts).toEqual({ Conv: 53, Clip: 35, Add: 10, GlobalAveragePool: 1, Flatten: 1, Softmax: 1 });
  expect(graph.inputs).toEqual([{ name: "input", dtype: "float32", shape: ["batch", 3, 224, 224] }]);
  expect(graph.outputs[0]?.shape).toEqual(["batch", 1001]);
  const center = 128 / 255;
  expect(preprocessing).toEqual({
    colorOrder: "RGB",
    layout: "NHWC",
    height: 224,
    width: 224,
    mean: [center, center, center],
    std: [center, center, center],
  });
  expect(labels).toEqual(
    readFileSync(join(folder, "imagenet_labels.txt"), "utf8")
      .trim()
      .split("\n")
      .map((name) => name.trim()),
  );
});
