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

const conv3x3 = torch.ops.ct["conv3x3"] as (
  x: torch.Tensor,
  weight: torch.Tensor,
  bias: torch.Tensor | null,
  always: boolean,
) => torch.Tensor;

afterEach(() => torch.setFusedKernels(true));

type Case = Omit<ConvolutionCase, "kernel" | "stride" | "padding">;

const cases: Case[] = [
  { shape: [1, 3, 7, 7], out: 20 },
  { shape: [2, 20, 13, 9], out: 3, bias: true },
  { shape: [1, 64, 1, 1], out: 64 },
  { shape: [3, 64, 7, 7], out: 130, contiguousWeight: true },
  { shape: [2, 130, 8, 8], out: 64, bias: true },
  { shape: [1, 1, 2, 5], out: 1, bias: true },
  { shape: [5, 33, 14, 3], out: 47, bias: true, contiguousWeight: true },
  // more than one block of tiles in the gradient of the weights
  { shape: [4, 20, 33, 31], out: 70 },
  // and so many tiles that its sum has parts
  { shape: [9, 16, 60, 61], out: 20 },
];

const runOf =
  (c: Case): Run =>
  (dtype, how) =>
    convolutionPasses({ ...c, kernel: [3, 3], stride: [1, 1], padding: [1, 1] }, dtype, how, {
      call: (x, weight, bias) => conv3x3(x, weight, bias, true),
      node: /Conv3x3/,
    });

test.each(cases)("3x3 convolution and its gradients equal LibTorch's in float64 ($shape to $out, bias $bias)", (c) => {
  expectFloat32Passes(runOf(c), 1e-5);
});

test.each(cases)(
  "3x3 convolution and its gradients in bfloat16 err at most 4 times as much as LibTorch's ($shape to $out)",
  (c) => {
    expectBfloat16Passes(runOf(c), 4);
  },
);

test("a 3x3 convolution has the same bits with one thread and with more", () => {
  const threadCases: Case[] = [
    { shape: [8, 64, 29, 30], out: 80 },
    { shape: [9, 16, 60, 61], out: 20 },
  ];
  for (const c of threadCases) expectSameBitsWithAnyThreads(runOf(c), ["y", "x", "weight"], `${c.shape}`);
});

function layer(channels: number): torch.nn.Conv2d {
  torch.manualSeed(3);
  const conv = new torch.nn.Conv2d(channels, channels, { kernelSize: 3, padding: 1 });
  conv.to({ memoryFormat: "channels_last" });
  return conv;
}

test("a gradient of the gradient is LibTorch's", () => {
  const second = (ours: boolean) => {
    torch.manualSeed(4);
    const x = torch.randn([2, 5, 6, 7]).to({ memoryFormat: "channels_last" }).requiresGrad_();
    const weight = torch.randn([4, 5, 3, 3]).requiresGrad_();
    const y = ours ? conv3x3(x, weight, null, true) : torch.nn.functional.conv2d(x, weight, { padding: 1 });
    const [gx] = torch.autograd.grad([y.pow(2).sum()], [x], { createGraph: true });
    gx!.pow(2).sum().backward();
    return [x.grad!, weight.grad!];
  };
  const [ours, theirs] = [second(true), second(false)];
  for (const i of [0, 1]) expect(distance(ours[i]!, theirs[i]!.double())).toBeLessThan(1e-4);
});

test("the layer gives what it gives without the kernel, in every layout", () => {
  const conv = layer(64);
  const images = torch.randn([4, 64, 24, 24]);
  const inputs = {
    channelsLast: images.to({ memoryFormat: "channels_last" }),
    contiguous: images,
    strided: images.to({ memoryFormat: "channels_last" }).narrow(2, 1, 20),
    large: torch.cat([images, images, images], 0).to({ memoryFormat: "channels_last" }),
  };
  for (const [name, input] of Object.entries(inputs)) {
    const ours = conv.call(input);
    torch.setFusedKernels(false);
    const theirs = conv.call(input);
    torch.setFusedKernels(true);
    expect(ours.shape, name).toEqual(theirs.shape);
    expect(ours.isContiguous(), name).toBe(theirs.isContiguous());
    expect(distance(ours, theirs.double()), name).toBeLessThan(1e-5);
  }
});

test("an empty batch gives an empty result and gradients of zero", () => {
  const conv = layer(64);
  const y = conv.call(torch.zeros([0, 64, 24, 20]).to({ memoryFormat: "channels_last" }));
  expect(y.shape).toEqual([0, 64, 24, 20]);
  y.sum().backward();
  expect(conv.weight.grad!.abs().sum().item()).toBe(0);
  expect(conv.bias!.grad!.abs().sum().item()).toBe(0);
});

test("under autocast the convolution computes in bfloat16 and its gradients are float32", () => {
  const conv = layer(64);
  const x = torch.randn([8, 64, 24, 24]).to({ memoryFormat: "channels_last" });
  const step = (fused: boolean) => {
    torch.setFusedKernels(fused);
    conv.weight.grad = null;
    const y = torch.autocast({ device: "cpu", dtype: "bfloat16" }, () => conv.call(x));
    expect(y.dtype).toBe("bfloat16");
    y.float().pow(2).mean().backward();
    return [y, conv.weight.grad!.clone()] as const;
  };
  const [ours, theirs] = [step(true), step(false)];
  expect(ours[1].dtype).toBe("float32");
  for (const i of [0, 1] as const) expect(meanError(ours[i], theirs[i].double())).toBeLessThan(0.015);
});

test("a recorded convolution is LibTorch's own operator", () => {
  const conv = layer(64);
  const x = torch.randn([8, 64, 24, 24]).to({ memoryFormat: "channels_last" });
  const { calls } = torch.record(() => conv.call(x));
  expect(calls.map(({ op }) => op)).toEqual(["aten::conv2d"]);
});

test("shapes that the kernel cannot take are an error only when it is demanded", () => {
  expect(() => conv3x3(torch.randn([1, 4, 5, 5]), torch.randn([2, 3, 3, 3]), null, true)).toThrow(
    /weight \[K, C, 3, 3\].*received Float \[1, 4, 5, 5\] and Float \[2, 3, 3, 3\]/,
  );
  expect(() =>
    torch.nn.functional.conv2d(torch.randn([1, 4, 5, 5]), torch.randn([2, 3, 3, 3]), { padding: 1 }),
  ).toThrow(/expected input.* to have 3 channels, but got 4/);
});
