import { afterEach, expect, test } from "vitest";
import * as torch from "../index.ts";
import { type BatchNormState, batchNormAct, normalizeImages } from "./index.ts";
import { maxPool2d } from "./max-pool.ts";
import { adamwStep, gradNorm, sgdStep } from "./optimizer-step.ts";

afterEach(() => torch.setFusedKernels(true));

function images(shape: number[], dtype: "float32" | "bfloat16", seed: number, shift = 0): torch.Tensor {
  torch.manualSeed(seed);
  return torch.randn(shape).add(shift).to({ dtype, memoryFormat: "channels_last" });
}

/** The largest difference, relative to the largest value. */
function distance(a: torch.Tensor, b: torch.Tensor): number {
  const scale = Math.max(1e-6, b.float().abs().max().item());
  return a.float().sub(b.float()).abs().max().item() / scale;
}

interface Case {
  readonly shape: number[];
  readonly residual: boolean;
  readonly relu: boolean;
  readonly training: boolean;
}

const cases: Case[] = [
  { shape: [4, 64, 9, 7], residual: false, relu: true, training: true },
  { shape: [4, 64, 9, 7], residual: true, relu: true, training: true },
  { shape: [2, 128, 5, 5], residual: false, relu: false, training: true },
  { shape: [3, 37, 6, 5], residual: true, relu: true, training: true },
  { shape: [3, 5, 33, 31], residual: true, relu: false, training: true },
  { shape: [2, 70, 4, 4], residual: true, relu: true, training: false },
  { shape: [2, 16, 300, 3], residual: false, relu: true, training: false },
];

/** Outputs, gradients and running statistics of one pass; in float64 when `reference`. */
function runBatchNorm(c: Case, dtype: "float32" | "bfloat16", reference: boolean) {
  const channels = c.shape[1]!;
  const as = (t: torch.Tensor) => (reference ? t.double() : t);
  const x = as(images(c.shape, dtype, 1, 3)).requiresGrad_();
  const r = as(images(c.shape, dtype, 2)).requiresGrad_();
  const gy = as(images(c.shape, dtype, 3));
  torch.manualSeed(4);
  const parameter = () => as(torch.rand([channels]).add(0.5));
  const norm: BatchNormState = {
    weight: parameter().requiresGrad_(),
    bias: parameter().sub(1).requiresGrad_(),
    running_mean: parameter(),
    running_var: parameter(),
    training: c.training,
    eps: 1e-5,
    momentum: 0.1,
  };
  torch.setFusedKernels(!reference);
  const y = batchNormAct(x, norm, { residual: c.residual ? r : undefined, relu: c.relu });
  const { gradFn } = y;
  expect(gradFn).not.toBeNull();
  expect(y.gradFn).toBe(gradFn);
  y.backward(gy);
  return {
    fusedNode: y.gradFn,
    y,
    x: x.grad!,
    r: c.residual ? r.grad! : y,
    weight: norm.weight!.grad!,
    bias: norm.bias!.grad!,
    mean: norm.running_mean!,
    variance: norm.running_var!,
  };
}

test.each(cases)(
  "batch norm with residual and relu equals LibTorch's in float64 ($shape, residual $residual, relu $relu, training $training)",
  (c) => {
    for (const [dtype, tolerance] of [
      ["float32", 2e-6],
      ["bfloat16", 0.012],
    ] as const) {
      torch.scope(() => {
        const ours = runBatchNorm(c, dtype, false);
        const theirs = runBatchNorm(c, dtype, true);
        expect(ours.fusedNode).toMatch(/BatchNormAct/);
        expect(theirs.fusedNode).not.toMatch(/BatchNormAct/);
        for (const name of ["y", "x", "r", "weight", "bias", "mean", "variance"] as const) {
          expect(distance(ours[name], theirs[name]), `${dtype} ${name}`).toBeLessThan(tolerance);
        }
        expect(ours.y.isContiguous("channels_last")).toBe(true);
      });
    }
  },
);

test("batch norm gives the same bits with one thread and with two", () => {
  const c = { shape: [8, 64, 40, 40], residual: true, relu: true, training: true };
  const before = torch.getNumThreads();
  const [one, two] = [1, 2].map((threads) => {
    torch.setNumThreads(threads);
    return runBatchNorm(c, "float32", false);
  });
  torch.setNumThreads(before);
  for (const name of ["y", "x", "r", "weight", "bias"] as const) expect(one![name].equal(two![name])).toBe(true);
});

test.each([
  { kernelSize: [3, 3], stride: [2, 2], padding: [1, 1], shape: [2, 64, 13, 10] },
  { kernelSize: [2, 2], stride: [2, 2], padding: [0, 0], shape: [1, 7, 9, 9] },
  { kernelSize: [3, 2], stride: [1, 3], padding: [1, 0], shape: [2, 40, 8, 11] },
] as const)(
  "max pooling equals LibTorch's bit for bit (kernel $kernelSize, stride $stride)",
  ({ shape, ...window }) => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const run = (fused: boolean) => {
        torch.setFusedKernels(fused);
        const x = images([...shape], dtype, 5).requiresGrad_();
        const y = maxPool2d(x, { ...window, dilation: [1, 1], ceilMode: false });
        torch.manualSeed(6);
        // Small integers: sums of them are exact in bfloat16 too, in any order.
        y.backward(torch.randint(-8, 8, y.shape, { dtype: "float32" }).to({ dtype }));
        return [y, x.grad!, y.gradFn] as const;
      };
      const [ours, theirs] = [run(true), run(false)];
      expect(ours[2]).toMatch(/MaxPool2d/);
      expect(ours[0].equal(theirs[0])).toBe(true);
      expect(ours[1].equal(theirs[1])).toBe(true);
    }
  },
);

test("max pooling and relu let NaN through, as LibTorch's do", () => {
  const make = () => {
    const x = images([1, 20, 6, 6], "float32", 11);
    x.setIndex([0, 3, 2, 1], Number.NaN);
    return x;
  };
  const window = { kernelSize: [3, 3], stride: [2, 2], padding: [1, 1], dilation: [1, 1], ceilMode: false } as const;
  const norm = (): BatchNormState => ({
    weight: null,
    bias: null,
    running_mean: torch.zeros([20]),
    running_var: torch.ones([20]),
    training: false,
    eps: 0,
    momentum: 0.1,
  });
  const results = [true, false].map((fused) => {
    torch.setFusedKernels(fused);
    return [maxPool2d(make(), window), batchNormAct(make(), norm())] as const;
  });
  for (const i of [0, 1] as const) {
    const [ours, theirs] = [results[0]![i], results[1]![i]];
    expect(ours.allclose(theirs, { equalNan: true })).toBe(true);
    expect(ours.isnan().sum().item()).toBe(theirs.isnan().sum().item());
    expect(ours.isnan().any().item()).toBe(1);
  }
});

test("AdamW in one pass follows the formula of the paper for several steps, with clipping, unscaling and EMA", () => {
  torch.manualSeed(7);
  const [lr, b1, b2, eps, decay, gradScale, emaDecay] = [0.01, 0.9, 0.999, 1e-8, 0.1, 0.25, 0.9];
  const params = [torch.randn([3, 5]), torch.randn([70_001])];
  const expected = params.map((p) => ({
    p: p.double(),
    m: torch.zerosLike(p).double(),
    v: torch.zerosLike(p).double(),
    e: p.double().clone(),
  }));
  const [m, v, ema] = [
    params.map((p) => torch.zerosLike(p)),
    params.map((p) => torch.zerosLike(p)),
    params.map((p) => p.clone()),
  ];
  for (let step = 1; step <= 5; step++) {
    const grads = params.map((p) => torch.randnLike(p));
    adamwStep({
      params,
      grads,
      expAvgs: m,
      expAvgSqs: v,
      step,
      lr,
      betas: [b1, b2],
      eps,
      weightDecay: decay,
      decoupled: true,
      gradScale,
      ema,
      emaDecay,
    });
    for (const [i, state] of expected.entries()) {
      const g = grads[i]!.double().mul(gradScale);
      state.p = state.p.mul(1 - lr * decay);
      state.m = state.m.mul(b1).add(g.mul(1 - b1));
      state.v = state.v.mul(b2).add(g.mul(g).mul(1 - b2));
      const denominator = state.v
        .div(1 - b2 ** step)
        .sqrt()
        .add(eps);
      state.p = state.p.sub(
        state.m
          .div(1 - b1 ** step)
          .div(denominator)
          .mul(lr),
      );
      state.e = state.e.mul(emaDecay).add(state.p.mul(1 - emaDecay));
    }
  }
  for (const [i, state] of expected.entries()) {
    expect(distance(params[i]!, state.p)).toBeLessThan(1e-6);
    expect(distance(ema[i]!, state.e)).toBeLessThan(1e-6);
  }
});

test.each([true, false])("SGD in one pass with momentum equals the formula (nesterov %s)", (nesterov) => {
  torch.manualSeed(8);
  const [lr, momentum, weightDecay] = [0.1, 0.9, 0.01];
  const params = [torch.randn([130, 3, 3, 3]).to({ memoryFormat: "channels_last" })];
  let p = params[0]!.double();
  let buffer: torch.Tensor | undefined;
  const momentumBuffers = [torch.zerosLike(params[0]!)];
  for (let step = 0; step < 4; step++) {
    // A contiguous gradient for a channels-last parameter: brought into its layout first.
    const grads = [torch.randn([130, 3, 3, 3])];
    sgdStep({
      params,
      grads,
      momentumBuffers,
      firstStep: step === 0,
      lr,
      momentum,
      dampening: 0,
      weightDecay,
      nesterov,
    });
    const d = grads[0]!.double().add(p.mul(weightDecay));
    buffer = buffer === undefined ? d : buffer.mul(momentum).add(d);
    p = p.sub((nesterov ? d.add(buffer.mul(momentum)) : buffer).mul(lr));
  }
  expect(distance(params[0]!, p)).toBeLessThan(1e-6);
});

test("the norm of all gradients equals the norm of their concatenation", () => {
  const grads = [torch.randn([100_003]), torch.randn([17, 3])];
  const expected = torch
    .cat(grads.map((g) => g.double().reshape(-1)))
    .norm()
    .item();
  expect(Math.abs(gradNorm(grads) / expected - 1)).toBeLessThan(1e-6);
});

test.each(["float32", "bfloat16"] as const)(
  "bytes of pixels become normalized channels-last %s as with separate operators",
  (dtype) => {
    const bytes = torch.randint(0, 256, [3, 17, 19, 3], { dtype: "uint8" });
    const options = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], dtype };
    const ours = normalizeImages(bytes, options);
    torch.setFusedKernels(false);
    const theirs = normalizeImages(bytes, options);
    expect(ours.shape).toEqual([3, 3, 17, 19]);
    expect(ours.isContiguous("channels_last")).toBe(true);
    expect(distance(ours, theirs)).toBeLessThan(dtype === "float32" ? 1e-6 : 0.004);
  },
);

test("an operator that cannot take its input says so with shapes", () => {
  expect(() =>
    torch.ops.ct["batch_norm_act"]!(torch.randn([2, 3]), null, null, null, null, null, true, 0.1, 1e-5, true),
  ).toThrow(/input: expected \[N, C, H, W\], received \[2, 3\]/);
});
