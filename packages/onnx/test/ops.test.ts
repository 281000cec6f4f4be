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
import { checkReadBack } from "./read-back.ts";

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
  ["attention with masks", () => randn([2, 3, 4, 8]), (x) => masked(x)],
  ["gather, scatter, index_select", rows, (x) => gathered(x)],
  ["sort and argsort", rows, (x) => [...aten("sort")(x, -1, true), aten("argsort")(x, 0 + 1)]],
  ["tile, roll, flip", images, (x) => [aten("tile")(x, [2, 1]), aten("roll")(x, [1, -2], [2, 3]), x.flip(1, 3)]],
  ["einsum", images, (x) => aten("einsum")("nchw,dc->ndhw", [x, matrix.slice(1, 0, 4)])],
  [
    "embedding",
    () =>
      tensor(
        [
          [1, 2],
          [0, 4],
        ],
        { dtype: "int64" },
      ),
    (x) => aten("embedding")(matrix, x, 0),
  ],
  ["pixel_shuffle and back", images, (x) => [aten("pixel_shuffle")(x, 2), aten("pixel_unshuffle")(x, 2)]],
  ["instance_norm", images, (x) => aten("instance_norm")(x, null, null, null, null, true, 0.1, 1e-5, false)],
  ["circular padding", images, (x) => F.pad(x, [1, 2, 0, 3], { mode: "circular" })],
  ["padding that crops", images, (x) => F.pad(x, [-1, 2], { value: 3 })],
  ["interpolation to the nearest", images, (x) => F.interpolate(x, [9, 4])],
  ["rounding", rows, (x) => ["floor", "ceil", "round", "trunc", "frac", "sign"].map((name) => aten(name)(x.mul(3)))],
  [
    "logarithms and powers",
    rows,
    (x) => ["log2", "log10", "log1p", "exp2", "expm1", "square"].map((name) => aten(name)(x.abs().add(0.1))),
  ],
  ["remainders", rows, (x) => [aten("remainder")(x, -0.3), aten("fmod")(x, 0.3), aten("floor_divide")(x, 0.3)]],
  [
    "integers divided",
    integers,
    (x) => [x.div(3), aten("div")(x, 3, { rounding_mode: "floor" }), aten("div")(x, 3, { rounding_mode: "trunc" })],
  ],
  ["integers compared with fractions", integers, (x) => [x.gt(0.5), x.eq(2), x.ne(2)]],
  [
    "truth values",
    rows,
    (x) => [
      x.gt(0).logicalAnd(x.lt(1)),
      aten("logical_xor")(x, x.gt(0)),
      aten("any")(x.gt(1), 1),
      aten("all")(x.gt(-1)),
    ],
  ],
  ["bounds that are tensors", rows, (x) => aten("clamp")(x, vector.sub(1), vector)],
  ["shrinking", rows, (x) => [aten("hardshrink")(x, 0.3), aten("softshrink")(x, 0.3), aten("threshold")(x, 0.2, -5)]],
  ["gated halves", rows, (x) => aten("glu")(x, 1)],
  ["statistics together", images, (x) => [...aten("var_mean")(x, [2, 3], { correction: 1 }), aten("std")(x, 1)]],
  ["norms of other orders", rows, (x) => [x.norm(3, [1]), x.norm(Number.POSITIVE_INFINITY, [1])]],
  ["softmax in another dtype", rows, (x) => x.softmax(1, { dtype: "float64" })],
  ["a triangle of a mask", rows, (x) => aten("tril")(x.matmul(matrix.t()).gt(0), 1).to({ dtype: "float32" })],
  ["division by the number of samples", rows, (x) => x.sum(0, { keepdim: true }).div(x.shape[0] as number)],
  [
    "as many rows as samples",
    rows,
    (x) => x.add(aten("arange")(x.shape[0] as number, { dtype: "float32" }).unsqueeze(1)),
  ],
  ["repeated once a sample", rows, (x) => vector.add(x.mean()).repeat(x.shape[0] as number, 1)],
  ["a constant filled by the input", rows, (x) => filledIn(x)],
  ["a view written to", images, (x) => writtenTo(x)],
  ["a view of a view written to, and others of the same memory", images, (x) => writtenThrough(x)],
  ["what is set by index", rows, (x) => setByIndex(x)],
  [
    "integers",
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

function integers(): Tensor {
  return tensor(
    [
      [-7, 7, 2],
      [0, -1, 5],
    ],
    { dtype: "int64" },
  );
}

// biome-ignore lint/suspicious/noExplicitAny: an operator by name may return a tensor or several
function aten(name: string): (...values: any[]) => any {
  return ops.aten[name] as (...values: unknown[]) => unknown;
}

const causal = randn([4, 4]).fill_(1).tril().to({ dtype: "bool" });

function masked(x: Tensor): unknown {
  return [
    F.scaledDotProductAttention(x, x, x, { mask: causal }),
    F.scaledDotProductAttention(x, x, x, { causal: true }),
  ];
}

function gathered(x: Tensor): unknown {
  const index = x.argsort(1).narrow(1, 0, 3);
  const chosen = aten("gather")(x, 1, index);
  return [chosen, aten("scatter_add")(x, 1, index, chosen), x.indexSelect(1, tensor([2, 0], { dtype: "int64" }))];
}

function filledIn(x: Tensor): Tensor {
  const out = ops.aten["zeros"]!([x.shape[0] as number, 8]) as Tensor;
  out.narrow(1, 1, 6).copy_(x);
  out.select(1, -1).fill_(3);
  return out;
}

function writtenTo(x: Tensor): unknown {
  const y = x.clone();
  const before = y.mul(1);
  y.select(1, 1).mul_(2);
  y.slice(2, 0, 6, 2).zero_();
  y.transpose(1, 3).select(1, 4).add_(1);
  return [y, before];
}

function writtenThrough(x: Tensor): unknown {
  const y = x.mul(1);
  const rows = y.view([-1, 6]);
  const [left, right] = y.chunk(2, 1) as [Tensor, Tensor];
  const sum = right.sum();
  right.slice(3, 2, 4).fill_(-1);
  left.relu_();
  return [y, rows, right, left, sum];
}

function setByIndex(x: Tensor): unknown {
  const y = x.clone();
  y.setIndex([y.gt(0.5)], 9);
  y.setIndex(["...", tensor([0, 3], { dtype: "int64" })], -1);
  y.setIndex([":", "1:3"], x.slice(1, 0, 2));
  return y;
}

function concatenated(parts: Tensor[]): Tensor {
  return ops.aten["cat"]!([...parts].reverse(), 1) as Tensor;
}

function resized(mode: "bilinear" | "bicubic", x: Tensor): Tensor {
  return ops.aten[`upsample_${mode}2d`]!(x, [12, 9], false) as Tensor;
}

test.each(cases)(
  "%s gives the same numbers in ONNX Runtime and when read back, for two batch sizes",
  async (name, input, target) => {
    manualSeed(3);
    const example = input();
    const { bytes } = exportOnnx(target, example);
    const report = await checkOnnx(bytes, example, target, { atol: 1e-5, rtol: 1e-5 });
    expect(report.batchSizes).toEqual([2, 3]);
    await checkReadBack(bytes, [example], target, { exports: !name.startsWith("a view of a view written to") });
  },
);

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
  const { batchSizes } = await checkOnnx(exportOnnx(model, example).bytes, example, model, { atol: 1e-5 });
  expect(batchSizes).toEqual([2, 3]);
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
  const { batchSizes } = await checkOnnx(bytes, randn([2, 3, 32, 24]), target);
  expect(batchSizes).toEqual([2, 3]);
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
  expect(() => exportOnnx((x: Tensor) => x.matmul(x.t()).reshape([-1]), randn([2, 3]))).toThrow(
    "not a multiple of batch",
  );
  const branching = (x: Tensor) => (x.shape[0] === 2 ? x.exp() : x.log());
  expect(() => exportOnnx(branching, randn([2, 3]))).toThrow("calls other operators when batch changes");
  expect(() => exportOnnx((x: Tensor) => x.add(randn([3])), randn([2, 3]))).toThrow("it is random");
});

test.each<[string, (x: Tensor) => unknown, string]>([
  ["a number read from the input", (x) => x.mul(x.max().item()), "forward reads values that depend on the input"],
  [
    "a list read from the input",
    (x) => x.mul(x.toArray()[0] as number),
    "forward reads values that depend on the input",
  ],
  [
    "a factor that follows the batch in another way",
    (x) => x.mul(1 / (x.shape[0] as number)),
    "argument 'other' depends on the size 'batch'",
  ],
  [
    "a constant made for the batch",
    (x) => x.add(tensor([x.shape[0] as number])),
    "a constant that forward makes has other contents when batch changes",
  ],
  ["a tensor chosen by the batch", (x) => (x.shape[0] === 2 ? x : x.exp()).add(x.exp()), "batch changes"],
  ["a buffer that counts", (x) => x.add(counter.add_(1)), "changes a tensor made before it in place"],
  [
    "an option without a translation",
    (x) =>
      aten("var")(x, 1, { correction: 1 })
        .add(aten("std_mean")(x, [1])[0])
        .add(aten("cumprod")(x, 1).sum()),
    "cumprod",
  ],
])("%s is refused, never baked in", (_, target, message) => {
  expect(() => exportOnnx(target, randn([2, 3]))).toThrow(message);
});

const counter = tensor([0]);

test("a parameter named like an input or output gives way", async () => {
  class Named extends nn.Module<[Tensor], Tensor> {
    readonly input = new nn.Parameter(randn([3]));
    readonly output = new nn.Parameter(randn([3]));
    constructor() {
      super();
      this.registerParameter("input", this.input);
      this.registerParameter("output", this.output);
    }
    override forward(x: Tensor): Tensor {
      return x.mul(this.input).add(this.output);
    }
  }
  const model = new Named();
  const example = randn([2, 3]);
  await checkOnnx(exportOnnx(model, example).bytes, example, model);
  expect(() => exportOnnx(model, example, { outputNames: ["input"] })).toThrow("'input' names an input and an output");
});

test("half precision is exported and checked; bfloat16 is beyond ONNX Runtime's processor kernels", async () => {
  const double = (x: Tensor) => x.add(x);
  const example = randn([2, 6]).to({ dtype: "float16" });
  const { maxAbsDiff } = await checkOnnx(exportOnnx(double, example).bytes, example, double);
  expect(maxAbsDiff).toBe(0);
  expect(exportOnnx(double, example).outputs[0]?.dtype).toBe("float16");
  const brain = example.to({ dtype: "bfloat16" });
  await expect(checkOnnx(exportOnnx(double, example).bytes, brain, double)).rejects.toThrow("bfloat16");
});

test("a wrong expectation is reported with the difference", async () => {
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
  expect(memoryStats().liveTensors).toBeLessThanOrEqual(before);
});
