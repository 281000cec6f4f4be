import { afterEach, expect, test } from "vitest";
import {
  type ConvolutionCase,
  convolutionPasses,
  distance,
  expectBfloat16Passes,
  expectFloat32Passes,
  expectSameBitsWithAnyThreads,
  meanError,
  type Run,
} from "../../test/convolution-passes.ts";
import * as torch from "../index.ts";

const packed = torch.ops.ct["conv2d"] as (
  x: torch.Tensor,
  weight: torch.Tensor,
  bias: torch.Tensor | null,
  stride: number[],
  padding: number[],
  always: boolean,
) => torch.Tensor;

afterEach(() => torch.setFusedKernels(true));

const cases: ConvolutionCase[] = [
  // one tap: every pass is a plain GEMM
  { shape: [2, 64, 7, 7], out: 80, kernel: [1, 1], stride: [1, 1], padding: [0, 0] },
  { shape: [3, 48, 9, 5], out: 16, kernel: [1, 1], stride: [2, 2], padding: [0, 0], bias: true },
  { shape: [1, 32, 1, 1], out: 32, kernel: [1, 1], stride: [1, 1], padding: [0, 0], contiguousWeight: true },
  { shape: [2, 16, 5, 6], out: 20, kernel: [1, 1], stride: [1, 1], padding: [1, 1], bias: true },
  // several taps
  { shape: [2, 32, 13, 10], out: 48, kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  {
    shape: [2, 16, 9, 8],
    out: 33,
    kernel: [2, 5],
    stride: [3, 1],
    padding: [0, 2],
    bias: true,
    contiguousWeight: true,
  },
  { shape: [1, 80, 4, 4], out: 16, kernel: [4, 4], stride: [1, 1], padding: [0, 0] },
  // more than one block of pixels, the last one odd
  { shape: [3, 16, 21, 31], out: 112, kernel: [3, 3], stride: [1, 2], padding: [1, 1] },
  // strides: pixels of the input under no tap, under some, under taps that reach beyond the image
  { shape: [2, 16, 5, 6], out: 32, kernel: [1, 1], stride: [1, 1], padding: [1, 1] },
  { shape: [2, 32, 8, 8], out: 16, kernel: [3, 3], stride: [2, 2], padding: [1, 1], contiguousWeight: true },
  { shape: [2, 16, 11, 9], out: 32, kernel: [2, 5], stride: [3, 2], padding: [1, 3], bias: true },
  { shape: [3, 16, 10, 7], out: 16, kernel: [3, 1], stride: [2, 4], padding: [2, 0] },
  // so many pixels that the sum of the gradient of the weights has parts
  { shape: [5, 32, 24, 21], out: 48, kernel: [1, 1], stride: [1, 1], padding: [0, 0] },
  // images so small that pixels are taken position by position, with a unit for the ends of two
  { shape: [9, 32, 2, 2], out: 64, kernel: [3, 3], stride: [1, 1], padding: [1, 1], bias: true },
  { shape: [64, 32, 4, 3], out: 16, kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
  { shape: [53, 48, 7, 5], out: 32, kernel: [3, 3], stride: [2, 2], padding: [1, 1], contiguousWeight: true },
  { shape: [8, 32, 1, 3], out: 48, kernel: [5, 4], stride: [1, 1], padding: [2, 1] },
  // few channels: rows of taps are contiguous
  { shape: [2, 3, 23, 38], out: 70, kernel: [7, 7], stride: [2, 2], padding: [3, 3], bias: true },
  { shape: [2, 2, 12, 9], out: 32, kernel: [3, 5], stride: [1, 1], padding: [0, 1] },
  { shape: [1, 1, 30, 17], out: 5, kernel: [4, 4], stride: [4, 4], padding: [0, 0], contiguousWeight: true },
  { shape: [2, 20, 9, 9], out: 24, kernel: [3, 3], stride: [2, 2], padding: [1, 1], bias: true },
];

const runOf =
  (c: ConvolutionCase): Run =>
  (dtype, how) =>
    convolutionPasses(c, dtype, how, {
      call: (x, weight, bias) => packed(x, weight, bias, [...c.stride], [...c.padding], true),
      node: /PackedConv2d/,
    });

test.each(cases)("a convolution of packed operands and its gradients equal LibTorch's in float64 (%o)", (c) => {
  expectFloat32Passes(runOf(c), 2e-6);
});

test.each(cases)("in bfloat16 it errs no more than by the rounding of its results (%o)", (c) => {
  expectBfloat16Passes(runOf(c), 1.1);
});

test("threads do not change a bit of GEMM convolutions", () => {
  const wide = { shape: [4, 80, 29, 30], out: 96, stride: [2, 2] } as const;
  const geometries: ConvolutionCase[] = [
    { ...wide, kernel: [3, 3], padding: [1, 1] },
    { ...wide, kernel: [1, 1], stride: [1, 1], padding: [0, 0] },
    { ...wide, shape: [4, 3, 40, 40], kernel: [7, 7], padding: [3, 3] },
    // So many pixels that the sum of the gradient of the weights has parts: more than threads, and fewer.
    { ...wide, shape: [4, 32, 40, 40], kernel: [1, 1], stride: [1, 1], padding: [0, 0] },
  ];
  for (const c of geometries) {
    // Gradients of images with so few channels are LibTorch's.
    expectSameBitsWithAnyThreads(runOf(c), c.shape[1] < 16 ? ["y"] : ["y", "x", "weight"], `${c.shape}`);
  }
});

test("the gradient of a packed convolution has a gradient", () => {
  const second = (ours: boolean) => {
    torch.manualSeed(4);
    const x = torch.randn([2, 16, 6, 7]).to({ memoryFormat: "channels_last" }).requiresGrad_();
    const weight = torch.randn([16, 16, 1, 1]).requiresGrad_();
    const y = ours
      ? packed(x, weight, null, [2, 2], [0, 0], true)
      : torch.nn.functional.conv2d(x, weight, { stride: 2 });
    const [gx] = torch.autograd.grad([y.pow(2).sum()], [x], { createGraph: true });
    gx!.pow(2).sum().backward();
    return [x.grad!, weight.grad!];
  };
  const [ours, theirs] = [second(true), second(false)];
  for (const i of [0, 1]) expect(distance(ours[i]!, theirs[i]!.double())).toBeLessThan(1e-4);
});

test("the layer takes the kernels where they fit, and any layout, dtype and geometry", () => {
  torch.manualSeed(3);
  const conv = new torch.nn.Conv2d(64, 64, { kernelSize: 1, stride: 2 });
  conv.to({ memoryFormat: "channels_last" });
  const images = torch.randn([4, 64, 24, 24]);
  const inputs = {
    channelsLast: images.to({ memoryFormat: "channels_last" }),
    contiguous: images,
    strided: images.to({ memoryFormat: "channels_last" }).narrow(2, 1, 20),
  };
  for (const [name, input] of Object.entries(inputs)) {
    const step = (fused: boolean) => {
      torch.setFusedKernels(fused);
      conv.weight.grad = null;
      const y = torch.autocast({ device: "cpu", dtype: "bfloat16" }, () => conv.call(input));
      expect(y.dtype).toBe("bfloat16");
      y.float().pow(2).mean().backward();
      return [y, conv.weight.grad!.clone()] as const;
    };
    const [ours, theirs] = [step(true), step(false)];
    expect(ours[0].isContiguous("channels_last"), name).toBe(theirs[0].isContiguous("channels_last"));
    expect(ours[1].dtype).toBe("float32");
    expect(ours[1].strides).toEqual(conv.weight.strides);
    for (const i of [0, 1] as const) expect(meanError(ours[i], theirs[i].double()), name).toBeLessThan(0.01);
  }
});

test("an empty batch has an empty output and gradients of zero", () => {
  const weight = torch.randn([32, 16, 1, 1]).requiresGrad_();
  const x = torch.zeros([0, 16, 4, 4]).to({ memoryFormat: "channels_last" });
  const y = packed(x, weight, null, [1, 1], [0, 0], true);
  expect(y.shape).toEqual([0, 32, 4, 4]);
  y.sum().backward();
  expect(weight.grad!.abs().sum().item()).toBe(0);
});

test("operands of other shapes are refused", () => {
  const image = torch.randn([1, 4, 5, 5]).to({ memoryFormat: "channels_last" });
  expect(() => packed(image, torch.randn([2, 3, 1, 1]), null, [1, 1], [0, 0], true)).toThrow(
    /weight \[K, C, KH, KW\].*received Float \[1, 4, 5, 5\] and Float \[2, 3, 1, 1\]/,
  );
});
