import * as ort from "@classifier-training/inference/runtime";
import { manualSeed, type nn, noGrad, randn, scope, type Tensor } from "@classifier-training/torch";
import { createModel } from "@classifier-training/vision";
import { beforeAll, expect, test, vi } from "vitest";
import { fromFloat16Bits, toFloat16Bits } from "../src/graph/float16.ts";
import {
  checkOnnx,
  convertFloat16,
  exportOnnx,
  foldBatchNorm,
  quantizeDynamicInt8,
  quantizeStaticInt8,
} from "../src/index.ts";
import { quantizeWeight } from "../src/transform/int8-weights.ts";
import { ModelEditor } from "../src/transform/model-editor.ts";

vi.setConfig({ testTimeout: 30_000 });

let model: nn.Module;
let images: Tensor;
let bytes: Uint8Array;

beforeAll(() => {
  manualSeed(0);
  model = createModel("resnet18", { numClasses: 5, stem: "small" });
  images = randn([4, 3, 32, 32]);
  // a few batches in training mode give batch normalization statistics that are not 0 and 1
  noGrad(() => scope(() => [0, 1, 2].map(() => model.train().call(images))));
  bytes = exportOnnx(model.eval(), images).bytes;
});

function operators(of: Uint8Array): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { opType } of new ModelEditor(of).nodes) counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}

/** Share of the signal that is lost: |a - b| / |b|. */
async function relativeError(of: Uint8Array): Promise<number> {
  const session = await ort.InferenceSession.create(of, { logSeverityLevel: 3 });
  const input = new ort.Tensor("float32", images.toTypedArray() as Float32Array, [...images.shape]);
  const actual = (await session.run({ input }))["output"]?.data as Float32Array;
  const expected = noGrad(() => scope(() => model.call(images).toTypedArray())) as Float32Array;
  let difference = 0;
  let size = 0;
  for (const [i, value] of expected.entries()) {
    difference += (value - (actual[i] ?? Number.NaN)) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(difference / size);
}

test("batch normalization disappears into the convolutions", async () => {
  const folded = foldBatchNorm(bytes);
  expect(operators(bytes)["BatchNormalization"]).toBe(20);
  expect(operators(folded)["BatchNormalization"]).toBeUndefined();
  await checkOnnx(folded, images, model);
});

test("half precision halves the file and keeps the logits", async () => {
  const half = convertFloat16(bytes);
  expect(half.length / bytes.length).toBeLessThan(0.51);
  expect(await relativeError(half)).toBeLessThan(5e-3);
  expect(Buffer.compare(convertFloat16(Buffer.from(bytes)), half), "as read from a file").toBe(0);
  const inner = new ModelEditor(convertFloat16(bytes, { keepIo: false }));
  expect(inner.graph.input[0]?.type?.value.value?.elemType).toBe(10);
});

test("dynamic int8 needs no data and quarters the file", async () => {
  const small = quantizeDynamicInt8(bytes);
  expect(small.length / bytes.length).toBeLessThan(0.27);
  expect(operators(small)).toMatchObject({ ConvInteger: 20, MatMulInteger: 1 });
  expect(await relativeError(small)).toBeLessThan(0.1);
  expect(operators(quantizeDynamicInt8(bytes, { operators: ["Gemm"] }))["Conv"]).toBe(20);
});

test("static int8 is calibrated, and ONNX Runtime accepts it for any batch size", async () => {
  const small = await quantizeStaticInt8(bytes, [images]);
  expect(small.length / bytes.length).toBeLessThan(0.27);
  expect(operators(small)["QuantizeLinear"]).toBeGreaterThan(20);
  expect(await relativeError(small)).toBeLessThan(0.1);
  await expect(quantizeStaticInt8(bytes, [])).rejects.toThrow("no batches to calibrate with");
});

test("half precision rounds to nearest even, with subnormals, infinities and NaN", () => {
  const pairs = [
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65520, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [Number.NEGATIVE_INFINITY, 0xfc00],
  ] as const;
  for (const [value, bits] of pairs) expect(toFloat16Bits(value)).toBe(bits);
  expect(fromFloat16Bits(toFloat16Bits(Number.NaN))).toBeNaN();
  const finite = Array.from({ length: 0x7c00 }, (_, bits) => bits);
  expect(finite.map((bits) => toFloat16Bits(fromFloat16Bits(bits)))).toEqual(finite);
});

test("a weight is quantized by the largest value of each output channel", () => {
  const { data, scales } = quantizeWeight(Float32Array.of(1, -2, 10, 5), [2, 2], 0, false);
  expect([...data]).toEqual([64, -127, 127, 64]);
  expect([...scales].map((scale) => scale * 127)).toEqual([expect.closeTo(2), expect.closeTo(10)]);
});

test("bytes that are not a model are refused", () => {
  expect(() => foldBatchNorm(new Uint8Array([255, 1]))).toThrow("these bytes are not an ONNX model");
});
