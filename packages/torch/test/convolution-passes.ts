import { expect } from "vitest";
import * as torch from "../src/index.ts";

/** A convolution that is tested. */
export interface ConvolutionCase {
  /** [N, In, H, W] */
  readonly shape: readonly [number, number, number, number];
  readonly out: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly bias?: boolean;
  readonly contiguousWeight?: boolean;
}

/** The result and the gradients. */
export type Passes = { y: torch.Tensor; x: torch.Tensor; weight: torch.Tensor; bias?: torch.Tensor };
export type Dtype = "float32" | "bfloat16";
export type How = "ours" | "LibTorch" | "float64";

/** Which operator is compared with LibTorch's, and what its node in the graph is called. */
export interface Operator {
  readonly call: (x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | null) => torch.Tensor;
  readonly node: RegExp;
}

/** Forward and backward of one case with random operands of this dtype; those of float64 are rounded to it first. */
export function convolutionPasses(c: ConvolutionCase, dtype: Dtype, how: How, { call, node }: Operator): Passes {
  const as = (t: torch.Tensor) => {
    const rounded = t.to({ dtype });
    return how === "float64" ? rounded.double() : rounded;
  };
  const last = (t: torch.Tensor) => t.to({ memoryFormat: "channels_last" });
  torch.manualSeed(c.out);
  const channels = c.shape[1];
  const weight = torch.randn([c.out, channels, ...c.kernel]).div(Math.sqrt(channels * c.kernel[0] * c.kernel[1]));
  const x = last(as(torch.randn([...c.shape]))).requiresGrad_();
  const k = (c.contiguousWeight ? as(weight) : last(as(weight))).requiresGrad_();
  const bias = c.bias ? as(torch.randn([c.out])).requiresGrad_() : null;
  const y =
    how === "ours"
      ? call(x, k, bias)
      : (torch.ops.aten["conv2d"]!(x, k, bias, c.stride, c.padding, [1, 1], 1) as torch.Tensor);
  expect(y.gradFn).toMatch(how === "ours" ? node : /Convolution/);
  y.backward(last(as(torch.randn(y.shape))));
  return { y, x: x.grad!, weight: k.grad!, ...(bias === null ? {} : { bias: bias.grad! }) };
}

/** The largest difference, relative to the largest value. */
export function distance(a: torch.Tensor, b: torch.Tensor): number {
  return a.double().sub(b).abs().max().item() / b.abs().max().item();
}

/** The root of the mean square of the difference, relative to that of the values. */
export function meanError(a: torch.Tensor, b: torch.Tensor): number {
  return a.double().sub(b).norm().item() / b.norm().item();
}

/** Runs a case in a dtype, by the operator that is tested or by another. */
export type Run = (dtype: Dtype, how: How) => Passes;

const passesOf = (passes: Passes) => Object.keys(passes) as (keyof Passes)[];

/** @param tolerance of the largest difference, relative to the largest value */
export function expectFloat32Passes(run: Run, tolerance: number): void {
  torch.scope(() => {
    const [ours, exact] = [run("float32", "ours"), run("float32", "float64")];
    for (const key of passesOf(exact)) {
      expect(distance(ours[key]!, exact[key]!), key).toBeLessThan(tolerance);
      expect(ours[key]!.shape).toEqual(exact[key]!.shape);
    }
  });
}

/** @param factor by which the mean error may exceed that of LibTorch's operator */
export function expectBfloat16Passes(run: Run, factor: number): void {
  torch.scope(() => {
    const [ours, theirs, exact] = [run("bfloat16", "ours"), run("bfloat16", "LibTorch"), run("bfloat16", "float64")];
    for (const key of passesOf(exact)) {
      // A result of few values may be exact in LibTorch by chance: then half a unit in the last place is its error.
      const allowed = factor * Math.max(meanError(theirs[key]!, exact[key]!), 2 ** -9);
      expect(meanError(ours[key]!, exact[key]!), key).toBeLessThan(allowed);
      expect(ours[key]!.dtype).toBe("bfloat16");
    }
  });
}

/** In both dtypes, with one thread, two, and more than the machine may have. */
export function expectSameBitsWithAnyThreads(run: Run, keys: readonly ("y" | "x" | "weight")[], name: string): void {
  const before = torch.getNumThreads();
  for (const dtype of ["float32", "bfloat16"] as const) {
    const [one, ...more] = [1, 2, 9].map((threads) => {
      torch.setNumThreads(threads);
      return run(dtype, "ours");
    });
    for (const key of keys) {
      for (const other of more) expect(one![key].equal(other[key]), `${name} ${dtype} ${key}`).toBe(true);
    }
  }
  torch.setNumThreads(before);
}
