import { expect, test } from "vitest";
import { distance } from "../../test/convolution-passes.ts";
import * as torch from "../index.ts";

/** The gradients of input and weight. */
function gradients(x: torch.Tensor, conv: torch.nn.Conv2d): torch.Tensor[] {
  const input = x.detach().requiresGrad_();
  conv.call(input).pow(2).sum().backward();
  return [input.grad!, conv.weight.grad!];
}

// LibTorch's own gradient of these weights writes behind its memory: without the way around it the process ends here.
test.each([
  { shape: [8, 8, 64, 64], stride: 2 },
  { shape: [4, 13, 56, 56], stride: 2 },
  { shape: [2, 15, 64, 64], stride: [1, 2] },
  { shape: [16, 7, 13, 64], stride: 3 },
] as const)(
  "a strided 1x1 convolution of few channels leaves memory alone ($shape, stride $stride)",
  ({ shape, stride }) => {
    torch.manualSeed(1);
    const images = torch.randn([...shape]);
    const conv = new torch.nn.Conv2d(shape[1], 16, { kernelSize: 1, stride, bias: false });
    const exact = new torch.nn.Conv2d(shape[1], 16, { kernelSize: 1, stride, bias: false });
    exact.weight.detach().copy_(conv.weight.detach());
    const expected = gradients(images.double(), exact.to({ dtype: "float64" }));
    conv.to({ memoryFormat: "channels_last" });
    for (let i = 0; i < 10; i++) {
      conv.weight.grad = null;
      const actual = gradients(images.to({ memoryFormat: "channels_last" }), conv);
      for (const [k, gradient] of actual.entries()) expect(distance(gradient, expected[k]!)).toBeLessThan(1e-5);
    }
  },
);

const { conv2d, convTranspose2d } = torch.nn.functional;
type Call = (...args: unknown[]) => torch.Tensor;
const [conv1d, conv3d] = [torch.ops.aten["conv1d"] as Call, torch.ops.aten["conv3d"] as Call];
type Operands = [x: torch.Tensor, weight: torch.Tensor];

/** What LibTorch 1.13 itself computes from memory that is not its own, or never written. */
const elsewhere: Record<
  string,
  { x: number[]; weight: number[]; dtype: "float32" | "bfloat16"; run: (...o: Operands) => torch.Tensor }
> = {
  "a transposed convolution in bfloat16": {
    x: [2, 16, 8, 8],
    weight: [16, 8, 3, 3],
    dtype: "bfloat16",
    run: (x, weight) => convTranspose2d(x, weight, { stride: 2 }),
  },
  "a dilated convolution with groups in bfloat16": {
    x: [3, 10, 64, 64],
    weight: [2, 5, 4, 2],
    dtype: "bfloat16",
    run: (x, weight) => conv2d(x, weight, { padding: 1, dilation: 3, groups: 2 }),
  },
  "a depthwise dilated convolution in bfloat16": {
    x: [8, 8, 5, 31],
    weight: [8, 1, 3, 3],
    dtype: "bfloat16",
    run: (x, weight) => conv2d(x, weight, { padding: 1, dilation: 2, groups: 8 }),
  },
  "a strided convolution of volumes": {
    x: [1, 40, 5, 8, 8],
    weight: [2, 40, 7, 7, 7],
    dtype: "float32",
    run: (x, weight) => conv3d(x, weight, null, [2], [3]),
  },
  "a strided convolution of sequences": {
    x: [8, 5, 4096],
    weight: [16, 5, 1],
    dtype: "float32",
    run: (x, weight) => conv1d(x, weight, null, [2]),
  },
};

test.each(Object.entries(elsewhere))("%s has the result and gradients of float64", (_, { x, weight, dtype, run }) => {
  torch.manualSeed(2);
  const operands = [torch.randn(x), torch.randn(weight)].map((t) => t.to({ dtype }));
  // Channels are the last dimension in memory.
  const last = (t: torch.Tensor) => t.movedim(1, -1).contiguous().movedim(-1, 1);
  const passes = (as: (t: torch.Tensor) => torch.Tensor) => {
    const leaves = operands.map((t) => as(t).detach().requiresGrad_()) as Operands;
    const y = run(...leaves);
    torch.manualSeed(3);
    y.backward(as(torch.randn(y.shape).to({ dtype })));
    return [y, ...leaves.map((leaf) => leaf.grad!)];
  };
  const [actual, expected] = [passes(last), passes((t) => t.double())];
  const tolerance = dtype === "bfloat16" ? 0.01 : 1e-5;
  for (const [i, value] of actual.entries()) expect(distance(value, expected[i]!)).toBeLessThan(tolerance);
});
