import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ByteImage, functional, readImage } from "@classifier-training/image";
import { beforeAll, expect, test, vi } from "vitest";
import { readTflite, type TensorflowNetwork } from "../src/index.ts";
import { loadLiteRt, runGraph } from "./runtimes.ts";

vi.setConfig({ testTimeout: 120_000 });

const folder = join(import.meta.dirname, "../../../../shared/weights/coral");
const absent = "published TFLite networks are not beside this repository";
const isThere = existsSync(folder);
const networks = isThere ? readdirSync(folder).filter((file) => file.endsWith(".tflite")) : [];
const photos = isThere ? readdirSync(folder).filter((file) => /\.(bmp|jpg)$/.test(file)) : [];
const names = isThere
  ? readFileSync(join(folder, "imagenet_labels.txt"), "utf8")
      .split("\n")
      .map((name) => name.trim())
  : [];

let litert: Awaited<ReturnType<typeof loadLiteRt>>;
beforeAll(async () => {
  litert = await loadLiteRt();
});

test("MobileNetV2's file becomes convolutions, its preprocessing and its labels", ({ skip }) => {
  skip(!isThere, absent);
  const { graph, preprocessing, labels } = readNetwork("mobilenet_v2_1.0_224_quant.tflite", "float");
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
  expect(labels).toEqual(names.slice(0, 1001));
});

test("a network computes what LiteRT computes, to one quantization step", async ({ skip }) => {
  skip(!isThere, absent);
  expect(networks).toHaveLength(5);
  for (const file of networks) {
    const quantized = readNetwork(file, "quantized");
    const float = readNetwork(file, "float");
    const model = await litert.loadAndCompile(new Uint8Array(readFileSync(join(folder, file))), {
      accelerator: "wasm",
    });
    const compared = { outputs: 0, exact: 0, furthest: 0, tops: 0 };
    for (const photo of photos) {
      const { pixels, input, shape } = await prepared(photo, quantized);
      const [tensor] = await model.run(new litert.Tensor(pixels, [1, shape[2], shape[3], 3]));
      const theirs = Array.from(await (tensor as { data(): Promise<Uint8Array> }).data());
      const [mine] = await runGraph(quantized.graph, shape, input);
      const [trained] = await runGraph(float.graph, shape, input);
      const step = stepOf(quantized);
      const stored = Array.from(mine?.data ?? [], (value) => Math.round(value / step.scale) + step.zeroPoint);
      expect(stored).toHaveLength(theirs.length);
      stored.forEach((value, i) => {
        const distance = Math.abs(value - (theirs[i] as number));
        compared.outputs++;
        compared.exact += distance === 0 ? 1 : 0;
        compared.furthest = Math.max(compared.furthest, distance);
      });
      compared.tops += topOf(theirs) === topOf(trained?.data ?? []) ? 1 : 0;
    }
    // Rounding of the sums in residual connections differs by a step, which the last softmax can enlarge.
    expect(compared.furthest).toBeLessThanOrEqual(file.startsWith("tf2") ? 6 : 1);
    expect(compared.exact / compared.outputs).toBeGreaterThan(0.995);
    // Among 1,001 classes the smallest network is sure of nothing in two photos.
    expect(compared.tops).toBeGreaterThanOrEqual(file.includes("0.25_128") ? 4 : photos.length);
  }
});

function readNetwork(file: string, activations: "float" | "quantized"): TensorflowNetwork {
  return readTflite(readFileSync(join(folder, file)), file, { activations });
}

/** Scale and zero point of the output, as the last node has them. */
function stepOf({ graph }: TensorflowNetwork): { readonly scale: number; readonly zeroPoint: number } {
  const last = graph.nodes.at(-1);
  const [, scale, zeroPoint] = (last?.inputs ?? []).map((name) => graph.initializers.get(name)?.data);
  if (last?.op !== "DequantizeLinear" || scale === undefined) throw new Error("the output is not quantized");
  return { scale: new DataView(scale.buffer, scale.byteOffset).getFloat32(0, true), zeroPoint: zeroPoint?.[0] ?? 0 };
}

async function prepared(photo: string, { preprocessing }: TensorflowNetwork) {
  const { height = 0, width = 0, mean = [], std = [] } = preprocessing ?? {};
  const image = await readImage(join(folder, photo));
  const { data } = functional.resize(image, width as number, height as number) as ByteImage;
  const area = data.length / 3;
  const input = new Float32Array(data.length);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < area; i++) {
      const value = (data[3 * i + channel] as number) / 255;
      input[channel * area + i] = (value - (mean[channel] as number)) / (std[channel] as number);
    }
  }
  return { pixels: new Uint8Array(data), input, shape: [1, 3, height as number, width as number] as const };
}

function topOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((best, value, i, all) => (value > (all[best] as number) ? i : best), 0);
}
