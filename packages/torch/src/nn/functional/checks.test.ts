import { setLogSinks } from "@classifier-training/base";
import { describe, expect, test } from "vitest";
import { autograd, manualSeed, nn, ones, randn, type Tensor, tensor, zeros } from "../../index.ts";

const { functional: F } = nn;

/** Runs with warnings collected. */
function withWarnings<T>(fn: () => T): [T, string[]] {
  const messages: string[] = [];
  const restore = setLogSinks([({ message }) => messages.push(message)]);
  try {
    return [fn(), messages];
  } finally {
    restore();
  }
}

const elementwise = {
  mseLoss: (a: Tensor, b: Tensor) => a.sub(b).square(),
  l1Loss: (a: Tensor, b: Tensor) => a.sub(b).abs(),
  smoothL1Loss: (a: Tensor, b: Tensor) => {
    const distance = a.sub(b).abs();
    return distance.square().mul(0.5).where(distance.lt(1), distance.sub(0.5));
  },
} as const;

describe.each(Object.keys(elementwise) as (keyof typeof elementwise)[])("%s", (name) => {
  test.each([
    [[3, 4], [4]],
    [
      [3, 4],
      [3, 1],
    ],
    [[4], [3, 4]],
    [
      [3, 1],
      [1, 4],
    ],
    [
      [2, 3],
      [2, 3],
    ],
  ])("has the value and the gradients of its formula for %j and %j", (first, second) => {
    manualSeed(1);
    const inputs = [first, second].map((shape) => randn(shape, { dtype: "float64", requiresGrad: true }));
    const [a, b] = inputs as [Tensor, Tensor];
    for (const reduction of ["mean", "sum", "none"] as const) {
      const [value, warnings] = withWarnings(() => F[name](a, b, { reduction }));
      const each = elementwise[name](a, b);
      const wanted = reduction === "none" ? each : each[reduction]();
      expect(value.allclose(wanted)).toBe(true);
      const gradients = autograd.grad([value.sum()], inputs);
      for (const [i, gradient] of autograd.grad([wanted.sum()], inputs).entries()) {
        expect(gradients[i]?.allclose(gradient as Tensor)).toBe(true);
      }
      if (reduction === "mean" && String(first) !== String(second)) expect(warnings[0]).toContain("they broadcast");
    }
  });
});

const f = (...shape: number[]) => randn(shape);
const images = () => randn([1, 4, 1, 1]).contiguous("channels_last");
const labels = (...values: number[]) => tensor(values, { dtype: "int64" });

test.each<[string, () => unknown, string]>([
  ["a reduction of another name", () => F.mseLoss(f(2), f(2), { reduction: "avg" as never }), "received 'avg'"],
  ["negative label smoothing", () => F.crossEntropy(f(2, 3), labels(0, 1), { labelSmoothing: -1 }), "labelSmoothing"],
  ["a broadcasting target of bce", () => F.binaryCrossEntropy(f(2, 3).sigmoid(), ones([2, 1])), "input's shape [2, 3]"],
  ["a broadcasting target of logits", () => F.binaryCrossEntropyWithLogits(f(2, 3), ones([3])), "received [3]"],
  ["one value a group", () => F.groupNorm(f(1, 4), 4), "more than 1 value per channel"],
  ["a vector of groups", () => F.groupNorm(f(4), 4), "expected an input [N, C, ...]"],
  ["a probability above 1", () => new nn.Dropout({ p: 1.5 }), "Dropout: expected a probability between 0 and 1"],
  ["a negative probability", () => new nn.StochasticDepth(-1, "row"), "received -1"],
  ["another mode of stochastic depth", () => F.stochasticDepth(f(2), 0.5, "rows" as never), "received 'rows'"],
  ["limits in the wrong order", () => F.hardtanh(f(2), { minVal: 2, maxVal: 1 }), "minVal <= maxVal"],
  ["a value with reflection", () => F.pad(f(1, 1, 3, 3), [1, 1], { mode: "reflect", value: 2 }), "no value"],
  ["corners with nearest", () => F.interpolate(f(1, 1, 2, 2), [4, 4], { alignCorners: true }), "needs mode 'bilinear'"],
  ["an unknown interpolation", () => F.interpolate(f(1, 1, 2, 2), [4, 4], { mode: "cubic" as never }), "'cubic'"],
  ["padding beyond half a window", () => F.maxPool2d(f(1, 4, 8, 8), 2, { padding: 2 }), "half of kernel size"],
  [
    "a mask and causal",
    () => F.scaledDotProductAttention(f(3, 4), f(3, 4), f(3, 4), { mask: ones([3, 3]), causal: true }),
    "received both",
  ],
  [
    "a mask of integers",
    () => F.scaledDotProductAttention(f(3, 4), f(3, 4), f(3, 4), { mask: labels(1, 1, 1) }),
    "received int64",
  ],
])("refuses %s", (_, call, message) => {
  expect(call).toThrow(message);
});

test.each<[string, () => nn.AnyModule, () => Tensor]>([
  ["in any layout", () => new nn.BatchNorm2d(4), () => f(1, 4, 1, 1)],
  ["for the fused kernel", () => new nn.BatchNorm2d(4), images],
  ["of features", () => new nn.BatchNorm1d(4), () => f(1, 4)],
  ["in float64", () => new nn.BatchNorm1d(4).to({ dtype: "float64" }), () => f(1, 4).double()],
])("batch norm refuses one value per channel in training %s, and keeps its statistics", (_, make, input) => {
  const norm = make() as nn.BatchNorm2d;
  expect(() => norm.call(input())).toThrow("expected more than 1 value per channel when training");
  expect([norm.running_mean?.tolist(), norm.running_var?.tolist()]).toEqual([
    [0, 0, 0, 0],
    [1, 1, 1, 1],
  ]);
  expect(norm.eval().call(input()).isfinite().all().item()).toBe(1);
});

test.each([0, 0.5, 1, 2])("focal loss of a sample beyond doubt has no gradient, gamma %s", (gamma) => {
  const logits = tensor(
    [
      [100, 0],
      [1, 0],
    ],
    { requiresGrad: true },
  );
  F.focalLoss(logits, labels(0, 0), { gamma }).backward();
  expect(logits.grad?.select(0, 0).abs().max().item()).toBeLessThan(1e-30);
  expect(logits.grad?.select(0, 1).isfinite().all().item()).toBe(1);
});

test("dropout of channels works in place when asked", () => {
  const input = ones([2, 3, 2, 2]);
  new nn.Dropout2d({ p: 1, inplace: true }).call(input);
  expect(input.sum().item()).toBe(0);
});

describe("multi-head attention", () => {
  test("returns the weights that it used: after dropout", () => {
    manualSeed(3);
    const attention = new nn.MultiheadAttention(4, 2, { dropout: 0.5, batchFirst: true });
    const x = randn([2, 5, 4]);
    const { output, weights } = attention.call(x, x, x, { averageAttnWeights: false });
    expect(weights?.eq(0).any().item()).toBe(1);
    const value = F.linear(x, attention.in_proj_weight as Tensor, attention.in_proj_bias).chunk(3, -1)[2] as Tensor;
    const heads = value.unflatten(-1, [2, 2]).transpose(1, 2);
    const joined = (weights as Tensor).matmul(heads).transpose(1, 2).reshape([2, 5, 4]);
    expect(output.allclose(attention.out_proj.call(joined), { atol: 1e-6 })).toBe(true);
  });

  test.each([true, false])("takes inputs without a batch, batchFirst %s", (batchFirst) => {
    const attention = new nn.MultiheadAttention(4, 2, { batchFirst });
    const [query, key] = [f(3, 4), f(5, 4)];
    const keyPaddingMask = tensor([false, false, true, false, true]);
    const alone = attention.call(query, key, key, { keyPaddingMask });
    const at = batchFirst ? 0 : 1;
    const batch = [query, key].map((input) => input.unsqueeze(at)) as [Tensor, Tensor];
    const batched = attention.call(batch[0], batch[1], batch[1], { keyPaddingMask: keyPaddingMask.unsqueeze(0) });
    expect([alone.output.shape, alone.weights?.shape]).toEqual([
      [3, 4],
      [3, 5],
    ]);
    expect(alone.output.allclose(batched.output.squeeze(at))).toBe(true);
    expect(alone.weights?.allclose(batched.weights?.squeeze(0) as Tensor)).toBe(true);
  });

  const attend = (k: Tensor, v: Tensor, options?: nn.MultiheadAttentionArguments) =>
    new nn.MultiheadAttention(4, 2).call(f(3, 2, 4), k, v, options);
  test.each<[string, () => unknown, string]>([
    [
      "another width",
      () => new nn.MultiheadAttention(4, 2).call(f(3, 2, 6), f(3, 2, 6), f(3, 2, 6)),
      "query [L, N, 4]",
    ],
    ["keys of another batch", () => attend(f(5, 1, 4), f(5, 1, 4)), "[5, 1, 4]"],
    ["values of another length", () => attend(f(5, 2, 4), f(6, 2, 4)), "[6, 2, 4]"],
    [
      "a mask that would broadcast",
      () => attend(f(5, 2, 4), f(5, 2, 4), { attnMask: zeros([1, 5]) }),
      "[3, 5] or [4, 3, 5]",
    ],
    [
      "padding that would broadcast",
      () => attend(f(5, 2, 4), f(5, 2, 4), { keyPaddingMask: zeros([1, 5]) }),
      "of shape [2, 5]",
    ],
    [
      "integers as mask",
      () => attend(f(5, 2, 4), f(5, 2, 4), { attnMask: zeros([3, 5], { dtype: "int64" }) }),
      "received int64",
    ],
    ["a dropout above 1", () => new nn.MultiheadAttention(4, 2, { dropout: 2 }), "a probability"],
    ["no heads", () => new nn.MultiheadAttention(4, 0), "cannot be divided into 0 heads"],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
