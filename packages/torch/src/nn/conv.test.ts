import { expect, test } from "vitest";
import { distance } from "../fused/convolution-passes.ts";
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
