import { afterEach, expect, test } from "vitest";
import * as torch from "../index.ts";
import { batchNormAct } from "./index.ts";
import { maxPool2d } from "./max-pool.ts";

// Gradients of gradients: a penalty on the norm of the input's gradient, as for training critics.

afterEach(() => torch.setFusedKernels(true));

function leaf(shape: number[], shift = 0): torch.Tensor {
  return torch.randn(shape).add(shift).to({ memoryFormat: "channels_last" }).detach().requiresGrad_();
}

function vector(channels: number): torch.Tensor {
  return torch.rand([channels]).add(0.5).requiresGrad_();
}

/** The gradients of `sum(f ** 3) + penalty`, where the penalty is the squared norm of the first gradients. */
function penalized(f: () => torch.Tensor, leaves: readonly torch.Tensor[]): number[][] {
  const first = torch.autograd.grad(f().pow(3).sum(), leaves, { createGraph: true });
  const penalty = torch.stack(first.map((gradient) => gradient!.pow(2).sum())).sum();
  return torch.autograd.grad(penalty, leaves).map((gradient) => gradient!.flatten().toArray());
}

function expectClose(found: readonly number[][], expected: readonly number[][]): void {
  for (const [i, values] of expected.entries()) {
    const scale = Math.max(...values.map(Math.abs));
    const worst = Math.max(...values.map((value, at) => Math.abs(value - found[i]![at]!)));
    expect(worst / scale, `leaf ${i}`).toBeLessThan(1e-4);
  }
}

test.each([
  { training: true, relu: true, residual: false },
  { training: true, relu: true, residual: true },
  { training: true, relu: false, residual: true },
  { training: false, relu: true, residual: false },
])("batch norm has the second derivatives of LibTorch's operators: %j", ({ training, relu, residual }) => {
  torch.manualSeed(0);
  const [x, shortcut] = [leaf([3, 5, 4, 3], 1), leaf([3, 5, 4, 3])];
  const [weight, bias] = [vector(5), vector(5)];
  const leaves = residual ? [x, weight, bias, shortcut] : [x, weight, bias];
  const statistics = [torch.rand([5]), torch.rand([5]).add(0.5)] as const;
  const run = (fused: boolean) => {
    torch.setFusedKernels(fused);
    const norm = {
      weight,
      bias,
      running_mean: statistics[0].clone(),
      running_var: statistics[1].clone(),
      training,
      eps: 1e-5,
      momentum: 0.1,
    };
    return penalized(() => batchNormAct(x, norm, { relu, residual: residual ? shortcut : undefined }), leaves);
  };
  expectClose(run(true), run(false));
});

test("max pooling has the second derivatives of LibTorch's operator", () => {
  torch.manualSeed(0);
  const x = leaf([2, 5, 7, 6]);
  const geometry = { kernelSize: [3, 2], stride: [2, 1], padding: [1, 1], dilation: [1, 1], ceilMode: false } as const;
  const run = (fused: boolean) => {
    torch.setFusedKernels(fused);
    return penalized(() => maxPool2d(x, geometry), [x]);
  };
  expectClose(run(true), run(false));
  torch.setFusedKernels(true);
  expect(maxPool2d(x, geometry).gradFn).toBe("MaxPool2dBackward");
});
