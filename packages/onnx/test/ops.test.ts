import {
  fromTypedArray,
  manualSeed,
  memoryStats,
  nn,
  ops,
  randn,
  type Tensor,
  tensor,
} from "@classifier-training/torch";
import { expect, test } from "vitest";
import { checkOnnx, convertibleOps, exportOnnx, float, registerConverter } from "../src/index.ts";

type Case = readonly [name: string, input: () => Tensor, target: (x: Tensor) => unknown];

const images = () => randn([2, 4, 6, 6]);
const rows = () => randn([2, 6]);
const F = nn.functional;
const weight = randn([6, 4, 3, 3]);
const matrix = randn([5, 6]);
const vector = randn([6]);

const cases: readonly Case[] = [
  ["conv2d", images, (x) => F.conv2d(x, weight, { stride: 2, padding: 1 })],
  ["max_pool2d", images, (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1 })],
  ["avg_pool2d", images, (x) => F.avgPool2d(x, 3, { stride: 2, padding: 1 })],
  ["avg_pool2d without padding in the count", images, (x) => F.avgPool2d(x, 3, { padding: 1, countIncludePad: false })],
  ["adaptive_avg_pool2d to one", images, (x) => F.adaptiveAvgPool2d(x, 1)],
  ["adaptive_avg_pool2d to a divisor", images, (x) => F.adaptiveAvgPool2d(x, [3, 2])],
  ["linear of rows", rows, (x) => F.linear(x, matrix, vector.narrow(0, 0, 5))],
  ["linear of images", () => randn([2, 3, 6]), (x) => F.linear(x, matrix)],
  ["addmm", rows, (x) => ops.aten["addmm"]!(vector.narrow(0, 0, 5), x, matrix.t(), { alpha: 2, beta: 0.5 })],
  ["matmul with itself", images, (x) => x.matmul(x.transpose(-2, -1))],
  ["layer_norm", images, (x) => F.layerNorm(x, [6], { weight: vector, bias: vector })],
  ["group_norm", images, (x) => F.groupNorm(x, 2, { weight: vector.narrow(0, 0, 4), bias: vector.narrow(0, 1, 4) })],
  ["relu and its kin", images, (x) => [F.relu(x), F.relu6(x.mul(4)), F.leakyRelu(x), F.elu(x)]],
  ["hard activations", images, (x) => [F.hardswish(x.mul(3)), F.hardsigmoid(x.mul(3))]],
  ["smooth activations", images, (x) => [F.silu(x), F.mish(x), F.sigmoid(x), F.tanh(x), F.softplus(x)]],
  ["gelu", images, (x) => [F.gelu(x), F.gelu(x, { approximate: "tanh" })]],
  ["in-place activation", images, (x) => F.relu(x.add(0.1), { inplace: true }).mul(2)],
  ["softmax", images, (x) => [x.softmax(1), x.logSoftmax(-1)]],
  ["dropout does nothing", rows, (x) => F.dropout(x, { p: 0.5, training: false })],
  ["arithmetic with numbers", rows, (x) => x.add(2, { alpha: 3 }).sub(1).mul(0.5).div(3).rsub(1).pow(2)],
  ["arithmetic with tensors", rows, (x) => x.add(vector, { alpha: 2 }).sub(x.mul(vector)).div(vector.abs().add(1))],
  ["functions", rows, (x) => [x.exp(), x.abs().add(1).log(), x.abs().sqrt(), x.erf(), x.neg(), x.clamp(-0.5, 0.5)]],
  ["comparison and choice", rows, (x) => x.where(x.gt(0), x.mul(-1))],
  ["mean, sum, variance", images, (x) => [x.mean([2, 3]), x.sum(1, { keepdim: true }), x.var(-1), x.amax([1])]],
  ["norm", images, (x) => x.norm(2, [1])],
  ["topk", rows, (x) => x.topk(3).values],
  ["argmax", rows, (x) => x.argmax(1)],
  ["flatten keeps the batch dynamic", images, (x) => x.flatten(1)],
  ["view to rows of all samples", images, (x) => x.reshape([-1, 6])],
  ["reshape that moves the batch", images, (x) => x.permute([1, 0, 2, 3]).reshape([4, -1, 36])],
  ["unflatten, squeeze, unsqueeze", rows, (x) => x.unflatten(1, [2, 3]).unsqueeze(1).squeeze(1)],
  ["expand of a parameter over the batch", rows, (x) => x.add(vector.unsqueeze(0).expand([x.shape[0] as number, -1]))],
  ["zeros in the shape of the batch", rows, (x) => x.add(ops.aten["zeros"]!([x.shape[0] as number, 6]) as Tensor)],
  ["cat and chunk", images, (x) => F.relu(concatenated(x.chunk(2, 1)))],
  ["select, slice, narrow", images, (x) => [x.select(1, -1), x.slice(2, 1, 5, 2), x.narrow(3, 2, 3)]],
  ["split of unequal parts", images, (x) => x.split([1, 3], 1)],
  ["flip", images, (x) => x.flip(2, 3)],
  ["repeat", rows, (x) => x.repeat(1, 3)],
  ["interpolation", images, (x) => [resized("bilinear", x), resized("bicubic", x)]],
  ["attention", () => randn([2, 3, 4, 8]), (x) => F.scaledDotProductAttention(x, x, x)],
  [
    "whole numbers",
    () =>
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        { dtype: "int64" },
      ),
    (x) => x.add(1).mul(2),
  ],
  ["a dictionary of outputs", rows, (x) => ({ a: x, b: x.mul(2) })],
];

function concatenated(parts: Tensor[]): Tensor {
  return ops.aten["cat"]!([...parts].reverse(), 1) as Tensor;
}

function resized(mode: "bilinear" | "bicubic", x: Tensor): Tensor {
  return ops.aten[`upsample_${mode}2d`]!(x, [12, 9], false) as Tensor;
}

test.each(cases)("%s gives the same numbers in ONNX Runtime, for two batch sizes", async (_, input, target) => {
  manualSeed(3);
  const example = input();
  const { bytes } = exportOnnx(target, example);
  const report = await checkOnnx(bytes, example, target, { atol: 1e-5, rtol: 1e-5 });
  expect(report.batchSizes).toEqual([2, 3]);
});

test("parameters keep their names, inputs and outputs get theirs, and metadata is written", async () => {
  const model = new nn.Sequential(new nn.Linear(6, 4), new nn.ReLU(), new nn.Linear(4, 2));
  const exported = exportOnnx(model, randn([5, 6]), {
    inputNames: ["features"],
    outputNames: ["logits"],
    dynamicAxes: { features: { 0: "n" } },
    metadata: { classes: "a,b" },
  });
  expect(exported.inputs).toEqual([{ name: "features", dtype: "float32", shape: ["n", 6] }]);
  expect(exported.outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["n", 2] }]);
  expect(Object.fromEntries(exported.operators)).toEqual({ Gemm: 2, Relu: 1 });
  const text = Buffer.from(exported.bytes).toString("latin1");
  for (const name of ["0.weight", "2.bias", "classes", "a,b"]) expect(text).toContain(name);
});

test("weights in channels-last order are written in ONNX's order", async () => {
  const model = new nn.Sequential(new nn.Conv2d(3, 8, { kernelSize: 3 }), new nn.BatchNorm2d(8));
  model.to({ memoryFormat: "channels_last" });
  const example = randn([2, 3, 8, 8]).to({ memoryFormat: "channels_last" });
  await checkOnnx(exportOnnx(model, example).bytes, example, model, { atol: 1e-5 });
});

test("without dynamic axes the sizes are fixed", () => {
  const exported = exportOnnx((x: Tensor) => x.mul(2), randn([5, 6]), { dynamicAxes: {} });
  expect(exported.inputs[0]?.shape).toEqual([5, 6]);
});

test("a dynamic image size goes through a convolutional model", async () => {
  const model = new nn.Sequential(new nn.Conv2d(3, 4, { kernelSize: 3, stride: 2, padding: 1 }), new nn.MaxPool2d(2));
  const target = (x: Tensor) => model.call(x);
  const options = { dynamicAxes: { input: { 0: "batch", 2: "height", 3: "width" } } } as const;
  const { bytes } = exportOnnx(target, randn([1, 3, 16, 16]), options);
  await checkOnnx(bytes, randn([2, 3, 32, 24]), target);
});

test("training flags are put back, and batch statistics are never exported", () => {
  const model = new nn.Sequential(new nn.Conv2d(3, 4, { kernelSize: 1 }), new nn.BatchNorm2d(4));
  model.at(1).eval();
  exportOnnx(model, randn([2, 3, 4, 4]));
  expect(model.training).toBe(true);
  expect(model.at(1).training).toBe(false);
});

test("an operator without a converter is named with its module", () => {
  class Odd extends nn.Module {
    override forward(x: Tensor): Tensor {
      return ops.aten["digamma"]!(x) as Tensor;
    }
  }
  const model = new nn.Sequential(new nn.Identity(), new nn.Sequential(new Odd()));
  expect(() => exportOnnx(model, randn([2, 3]))).toThrowErrorMatchingInlineSnapshot(`
    [OnnxError: aten::digamma cannot be exported to ONNX: it has no converter
      where: module '1.0'
      fix: rewrite that module with exportable operators, or register a converter (see the README of the onnx package)]
  `);
});

test("a converter can be added", async () => {
  registerConverter("aten::celu", (call, graph) =>
    graph.node("Celu", [call.tensor("self").name], { alpha: float(call.number("alpha", 1)) }),
  );
  expect(convertibleOps()).toContain("celu");
  const target = (x: Tensor) => ops.aten["celu"]!(x, 0.5) as Tensor;
  const example = randn([2, 3]);
  await checkOnnx(exportOnnx(target, example).bytes, example, target, { atol: 1e-6 });
});

test("a size that does not follow the batch is refused, and so is a branch that depends on it", () => {
  expect(() => exportOnnx((x: Tensor) => x.matmul(x.t()).reshape([-1]), randn([2, 3]))).toThrow("no multiple of batch");
  const branching = (x: Tensor) => (x.shape[0] === 2 ? x.exp() : x.log());
  expect(() => exportOnnx(branching, randn([2, 3]))).toThrow("calls other operators when batch changes");
  expect(() => exportOnnx((x: Tensor) => x.add(randn([3])), randn([2, 3]))).toThrow("it is random");
});

test("a wrong expectation is told with the difference", async () => {
  const x = fromTypedArray(new Float32Array([1, 2]), [2, 1]);
  const { bytes } = exportOnnx((input: Tensor) => input.mul(2), x);
  await expect(checkOnnx(bytes, x, (input: Tensor) => input.mul(3))).rejects.toThrow(
    "output 'output' differs by up to 2",
  );
  await expect(checkOnnx(new Uint8Array([1, 2, 3]), x, x)).rejects.toThrow("ONNX Runtime cannot load the model");
});

test("an export leaves no tensors behind", () => {
  const model = new nn.Sequential(new nn.Linear(6, 4), new nn.ReLU());
  const example = randn([2, 6]);
  exportOnnx(model, example);
  const before = memoryStats().liveTensors;
  exportOnnx(model, example);
  expect(memoryStats().liveTensors).toBe(before);
});
