import { afterEach, describe, expect, test } from "vitest";
import * as torch from "../index.ts";
import { batchNormAct, normalizeImages } from "./index.ts";
import { maxPool2d } from "./max-pool.ts";

const { conv2d } = torch.nn.functional;
type Tensors = Record<string, torch.Tensor | null | undefined>;

afterEach(() => torch.setFusedKernels(true));

/** What a computation gives, or how it fails. */
function outcome(fused: boolean, run: () => Tensors): { results: Tensors; error: string } {
  torch.setFusedKernels(fused);
  torch.manualSeed(1);
  try {
    return { results: run(), error: "" };
  } catch (error) {
    // Behind the operator's name; the next lines are its arguments.
    return { results: {}, error: (error as Error).message.split("\n")[0]!.replace(/^[\w:]+: /, "") };
  }
}

/** The largest difference relative to the largest value; infinite where only one is not finite, or both differently. */
function difference(a: torch.Tensor, b: torch.Tensor): number {
  const [x, y] = [a.double(), b.double()];
  const same = x.eq(y).logicalOr(x.ne(x).logicalAnd(y.ne(y)));
  const apart = x.sub(y).abs().maskedFill(same, 0);
  if (apart.numel === 0) return 0;
  const scale = y.abs().nanToNum(0, 0, 0).max().item();
  return apart.nanToNum(Infinity).max().item() / Math.max(1e-3, scale);
}

/** With the kernels of this package and without: the same values, dtypes and shapes, or the same error. */
function expectSame(run: () => Tensors, tolerance = 1e-4): void {
  torch.scope(() => {
    const [ours, theirs] = [outcome(true, run), outcome(false, run)];
    expect(ours.error).toBe(theirs.error);
    expect(Object.keys(ours.results)).toEqual(Object.keys(theirs.results));
    for (const [name, expected] of Object.entries(theirs.results)) {
      const actual = ours.results[name];
      // What does not depend on an operand may be without a gradient, or zero.
      if (!actual || !expected) expect((actual ?? expected)?.abs().sum().item() ?? 0, name).toBe(0);
      if (!actual || !expected) continue;
      expect([actual.shape, actual.dtype], name).toEqual([expected.shape, expected.dtype]);
      expect(difference(actual, expected), `${name}: ${actual} and ${expected}`).toBeLessThan(tolerance);
    }
  });
}

const last = (t: torch.Tensor) => (t.ndim === 4 ? t.to({ memoryFormat: "channels_last" }) : t);
const image = (...shape: number[]) => last(torch.randn(shape));

/** The result, the gradients of those operands that need one, and the gradients of these gradients. */
function passes(operands: Tensors, run: () => torch.Tensor): Tensors {
  const y = run();
  if (!y.requiresGrad) return { y };
  const leaves = Object.entries(operands).filter(([, operand]) => operand?.requiresGrad) as [string, torch.Tensor][];
  const tensors = leaves.map(([, leaf]) => leaf);
  const gradients = (values: torch.Tensor, createGraph: boolean) =>
    torch.autograd.grad([values.add(values.pow(2)).sum()], tensors, { createGraph, allowUnused: true });
  const first = gradients(y, true);
  const named = (what: string, values: readonly (torch.Tensor | null)[]) =>
    Object.fromEntries(leaves.map(([name], i) => [`${what} of ${name}`, values[i]]));
  const recorded = first.filter((g) => g?.requiresGrad) as torch.Tensor[];
  const total = recorded.map((g) => g.pow(2).mean()).reduce((sum, g) => sum.add(g), torch.zeros([]));
  // Rounding to bfloat16 grows beyond comparison in them.
  const second = total.requiresGrad && y.dtype !== "bfloat16" ? gradients(total, false) : [];
  // The same without a record of the pass, by the kernels' own gradients.
  const plain = torch.autograd.grad([run().pow(2).sum()], tensors, { allowUnused: true });
  return { y, ...named("gradient", first), ...named("plain gradient", plain), ...named("second gradient", second) };
}

interface NormCase {
  x?: () => torch.Tensor;
  residual?: (x: torch.Tensor) => torch.Tensor;
  weight?: (channels: number) => torch.Tensor | null;
  statistics?: (channels: number) => torch.Tensor | null;
  eps?: number;
  needGradients?: readonly string[];
}

const norms: Record<string, NormCase> = {
  "an empty batch": { x: () => image(0, 6, 4, 4) },
  "images without rows": { x: () => image(2, 6, 0, 4) },
  "images without channels": { x: () => image(2, 0, 3, 4) },
  "five channels": { x: () => image(3, 5, 4, 4) },
  "images of one pixel": { x: () => image(3, 8, 1, 1) },
  "one channel": { x: () => image(3, 1, 5, 2) },
  "a part of larger images": { x: () => image(2, 6, 9, 9).narrow(2, 1, 5) },
  "contiguous images": { x: () => torch.randn([2, 6, 5, 5]) },
  "float64 images": { x: () => image(2, 6, 5, 5).double() },
  "integer images": { x: () => image(2, 6, 5, 5).to({ dtype: "int64" }) },
  "a sequence": { x: () => torch.randn([4, 6, 10]) },
  vectors: { x: () => torch.randn([4, 6]) },
  "a residual of one pixel": { residual: () => image(1, 6, 1, 1) },
  "a residual of each channel": { residual: () => torch.randn([6, 1, 1]) },
  "a residual of one number": { residual: () => torch.randn([]) },
  "a residual that makes the result larger": { x: () => image(1, 6, 4, 4), residual: () => image(3, 6, 4, 4) },
  "a residual that does not fit": { residual: () => image(2, 6, 3, 4) },
  "a contiguous residual": { residual: (x) => torch.randn([...x.shape]) },
  "a residual in float64": { residual: (x) => image(...x.shape).double() },
  "a residual in bfloat16": { residual: (x) => image(...x.shape).to({ dtype: "bfloat16" }) },
  "the input as residual": { residual: (x) => x },
  "no weight": { weight: () => null },
  "strided weights": { weight: (channels) => torch.rand([channels, 2]).select(1, 0) },
  "a weight for each channel that is one number": { weight: () => torch.rand([1]).expand([6]) },
  "weights of another length": { weight: () => torch.rand([4]) },
  "weights in float64": { weight: (channels) => torch.rand([channels]).double() },
  "strided running statistics": { statistics: (channels) => torch.rand([channels, 2]).select(1, 1) },
  "running statistics of another length": { statistics: () => torch.rand([4]) },
  "no running statistics": { statistics: () => null },
  "only the input needs a gradient": { needGradients: ["x"] },
  "only the weight needs a gradient": { needGradients: ["weight"] },
  "only the residual needs a gradient": { residual: (x) => image(...x.shape), needGradients: ["residual"] },
  "nothing needs a gradient": { needGradients: [] },
  "a constant channel and no eps": {
    x: () => {
      const x = image(2, 6, 4, 4);
      x.select(1, 2).fill_(0.5);
      return x;
    },
    eps: 0,
  },
  "values far from zero": { x: () => image(2, 6, 4, 4).add(30) },
};

describe.each(Object.entries(norms))("batch norm with %s", (_, c) => {
  const modes = [
    { training: true, relu: true, dtype: "float32" },
    { training: true, relu: false, dtype: "bfloat16" },
    { training: false, relu: true, dtype: "float32" },
  ] as const;
  // Cases of special values are compared in float32 only: bfloat16 would round them away.
  test.each(modes.filter(({ dtype }) => dtype === "float32" || (c.eps !== 0 && c.x === undefined)))(
    "is what it is without the kernels (training $training, relu $relu, $dtype)",
    ({ training, relu, dtype }) => {
      expectSame(
        () => {
          const made = c.x?.() ?? image(2, 6, 4, 4);
          const x = made.dtype === "float32" ? made.to({ dtype }) : made;
          const channels = x.shape[1]!;
          const weight = (c.weight ?? (() => torch.rand([channels])))(channels);
          const residual = c.residual?.(x);
          const [mean, variance] = [0, 1].map(() => (c.statistics ?? (() => torch.rand([channels])))(channels));
          const operands: Tensors = { x, weight, residual: residual === x ? undefined : residual };
          for (const name of c.needGradients ?? ["x", "weight", "residual"]) {
            const operand = operands[name];
            if (operand?.isLeaf && operand.dtype !== "int64") operand.requiresGrad_();
          }
          const norm = { weight, bias: null, running_mean: mean!, running_var: variance!, training, momentum: 0.1 };
          const results = passes(operands, () => batchNormAct(x, { ...norm, eps: c.eps ?? 1e-5 }, { residual, relu }));
          return { ...results, mean, variance };
        },
        dtype === "bfloat16" ? 0.02 : 1e-4,
      );
    },
  );
});

const window = { kernelSize: [3, 3], stride: [2, 2], padding: [1, 1], dilation: [1, 1], ceilMode: false } as const;

test.each([
  { name: "an empty batch", shape: [0, 4, 6, 6] },
  { name: "images without rows", shape: [2, 4, 0, 6] },
  { name: "images without channels", shape: [2, 0, 6, 6] },
  { name: "one channel", shape: [2, 1, 6, 6] },
  { name: "five channels", shape: [2, 5, 6, 6] },
  { name: "one image without a batch", shape: [4, 6, 6] },
  { name: "vectors", shape: [4, 6] },
  { name: "a window larger than the image", shape: [2, 4, 2, 2], geometry: { kernelSize: [5, 5], stride: [1, 1] } },
  { name: "a padding that is too large", shape: [2, 4, 6, 6], geometry: { padding: [2, 2] } },
  { name: "a negative padding", shape: [2, 4, 6, 6], geometry: { padding: [-1, -1] } },
  { name: "no stride", shape: [2, 4, 6, 6], geometry: { stride: [0, 1] } },
  { name: "an empty window", shape: [2, 4, 6, 6], geometry: { kernelSize: [0, 3], padding: [0, 0] } },
  { name: "a large window", shape: [1, 4, 20, 20], geometry: { kernelSize: [17, 17] } },
  { name: "a dilated window", shape: [1, 4, 9, 9], geometry: { dilation: [2, 2] } },
  { name: "a size rounded up", shape: [1, 4, 8, 8], geometry: { ceilMode: true } },
  { name: "float64", shape: [2, 4, 6, 6], dtype: "float64" },
  { name: "integers", shape: [2, 4, 6, 6], dtype: "int64" },
  { name: "infinities", shape: [2, 4, 6, 6], value: Number.NEGATIVE_INFINITY },
] as const)("max pooling of $name is what it is without the kernel", (c) => {
  expectSame(() => {
    const x = image(...c.shape).to({ dtype: "dtype" in c ? c.dtype : "float32" });
    if ("value" in c) x.fill_(c.value);
    if (x.dtype !== "int64") x.requiresGrad_();
    return passes({ x }, () => maxPool2d(x, { ...window, ...("geometry" in c ? c.geometry : {}) }));
  });
});

interface ConvCase {
  shape?: readonly number[];
  weight?: readonly number[];
  bias?: readonly number[];
  make?: (operands: { x: torch.Tensor; weight: torch.Tensor }) => { x: torch.Tensor; weight: torch.Tensor };
  options?: torch.nn.functional.Conv2dArguments;
  frozen?: readonly string[];
}

const convolutions: Record<string, ConvCase> = {
  "an empty batch": { shape: [0, 32, 12, 12], bias: [32] },
  "an empty batch of few channels": { shape: [0, 3, 12, 12], weight: [5, 3, 2, 2] },
  "an empty contiguous batch": { make: ({ x, weight }) => ({ x: x.narrow(0, 0, 0).contiguous(), weight }) },
  "images without rows": { shape: [2, 32, 0, 6] },
  "images without rows and padding": { shape: [2, 32, 0, 6], weight: [32, 32, 1, 1], options: { padding: 1 } },
  "images without channels": { shape: [2, 0, 6, 6], weight: [32, 0, 3, 3] },
  "no filters": { weight: [0, 32, 3, 3] },
  "five channels": { shape: [2, 5, 8, 8], weight: [7, 5, 3, 3] },
  "one image without a batch": { shape: [32, 8, 8] },
  "filters larger than the image": { shape: [2, 32, 2, 2], weight: [32, 32, 5, 5], options: { padding: 1 } },
  "another number of channels": { weight: [32, 16, 3, 3] },
  "a bias of another length": { bias: [3] },
  "a bias of one number": { bias: [1] },
  "a negative padding": { options: { padding: -1 } },
  "a stride of zero": { options: { stride: 0 } },
  "no padding": { options: { padding: 0 } },
  "a dilation": { options: { dilation: 2 } },
  "filters in another order": { make: ({ x, weight }) => ({ x, weight: weight.transpose(0, 1) }) },
  "filters that are one number": { make: ({ x }) => ({ x, weight: torch.randn([1, 1, 1, 1]).expand([32, 32, 3, 3]) }) },
  "a part of larger images": { make: ({ x, weight }) => ({ x: x.narrow(3, 1, 5), weight }) },
  "flipped channels of images": { make: ({ x, weight }) => ({ x: x.transpose(2, 3), weight }) },
  "bfloat16 images and float32 filters": { make: ({ x, weight }) => ({ x: x.to({ dtype: "bfloat16" }), weight }) },
  float64: { make: ({ x, weight }) => ({ x: x.double(), weight: weight.double() }) },
  "images that need no gradient": { frozen: ["x"] },
  "filters that need no gradient": { frozen: ["weight"] },
  "only a bias that needs a gradient": { bias: [32], frozen: ["x", "weight"] },
  "nothing that needs a gradient": { bias: [32], frozen: ["x", "weight", "bias"] },
};

describe.each(Object.entries(convolutions))("a convolution of %s", (_, c) => {
  test.each([
    { kernel: 3, stride: 1, padding: 1 },
    { kernel: 3, stride: 2, padding: 1 },
    { kernel: 1, stride: 2, padding: 0 },
  ])("is what it is without the kernels (kernel $kernel, stride $stride)", ({ kernel, stride, padding }) => {
    expectSame(() => {
      const operands = {
        x: image(...(c.shape ?? [4, 32, 12, 12])),
        weight: image(...(c.weight ?? [32, 32, kernel, kernel])).mul(0.1),
      };
      const { x, weight } = c.make?.(operands) ?? operands;
      const bias = c.bias === undefined ? null : torch.randn([...c.bias]);
      const leaves: Tensors = { x, weight, bias };
      for (const [name, leaf] of Object.entries(leaves)) if (!c.frozen?.includes(name)) leaf?.requiresGrad_();
      return passes(leaves, () => conv2d(x, weight, { bias, stride, padding, ...c.options }));
    });
  });
});

test.each([
  { name: "five channels", shape: [2, 3, 3, 5] },
  { name: "no images", shape: [0, 3, 3, 3] },
  { name: "no channels", shape: [2, 3, 3, 0] },
  { name: "one image", shape: [3, 3, 3] },
  { name: "one mean for all channels", shape: [2, 3, 3, 3], mean: [0.5], std: [0.25] },
  { name: "two means for three channels", shape: [2, 3, 3, 3], mean: [0.5, 0.4] },
  { name: "no deviation", shape: [2, 3, 3, 1], mean: [0.5], std: [0] },
  { name: "a result in float64", shape: [2, 3, 3, 3], dtype: "float64" },
] as const)("normalizing $name is what it is without the kernel", (c) => {
  expectSame(() => {
    const images = torch.randint(0, 256, [...c.shape], { dtype: "uint8" });
    const channels = c.shape.at(-1)!;
    const { mean, std, dtype } = {
      mean: Array(channels).fill(0.4),
      std: Array(channels).fill(0.2),
      dtype: "float32",
      ...c,
    };
    return { y: normalizeImages(images, { mean, std, dtype: dtype as "float32" }) };
  });
});

const parameters: Record<string, () => torch.Tensor> = {
  "a part of a larger one": () => torch.randn([4, 8]).narrow(1, 2, 3),
  "a transposed one": () => torch.randn([4, 8]).t(),
  "every second value": () => torch.randn([12]).index("::2").detach(),
  "one without values": () => torch.randn([0, 3]),
  "a number": () => torch.randn([]),
  "channels-last filters": () => image(8, 4, 3, 3),
  "channels-last filters of one pixel": () => image(8, 4, 1, 1),
  "three dimensions of space": () => torch.randn([2, 3, 4, 5, 6]),
  "one in float64": () => torch.randn([5]).double(),
};

describe.each(Object.entries(parameters))("a parameter that is %s", (_, make) => {
  test.each(["SGD", "AdamW"] as const)("is trained by %s as without the kernels", (name) => {
    expectSame(() => {
      const param = make().detach().requiresGrad_();
      const options = { lr: 0.1, weightDecay: 0.1, ...(name === "SGD" ? { momentum: 0.9 } : {}) };
      const optimizer = new torch.optim[name]([param], options);
      for (let i = 0; i < 3; i++) {
        param.grad = torch.randn([...param.shape], { dtype: param.dtype });
        optimizer.step(null, { maxGradNorm: 0.5 });
      }
      param.grad = torch.randn([...param.shape], { dtype: param.dtype });
      torch.nn.utils.clipGradNorm_([param], 0.1);
      return { param, gradient: param.grad };
    });
  });
});
