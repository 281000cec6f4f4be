import { fromTypedArray, noGrad, scope, type Tensor } from "@classifier-training/torch";
import { createModel, type ImageModel } from "../src/index.ts";
import { hashValues } from "../test/hash-fill.ts";

export type Floating = "float32" | "float64";

/** Classes of the system whose models were recorded. */
export const classes = 42;

/** A model with the head that the system gives it, and weights from the recorded hash. */
export function filled(name: string, dtype: Floating): ImageModel {
  const model = createModel(name, { numClasses: classes });
  model.to({ dtype });
  noGrad(() => {
    let k = 0;
    for (const [key, target] of model.stateEntries()) {
      const rule = weightRule(key, target.shape);
      const source = fromTypedArray(hashValues(target.numel, k++).map(rule), [...target.shape]);
      target.copy_(source);
      source.dispose();
    }
  });
  return model;
}

function weightRule(key: string, shape: readonly number[]): (v: number) => number {
  if (key.endsWith("num_batches_tracked")) return () => 0;
  if (key.endsWith("running_var")) return (v) => 1 + 0.5 * v;
  if (key.endsWith("running_mean") || key.endsWith("bias")) return (v) => 0.1 * v;
  if (shape.length === 1) return (v) => 1 + 0.1 * v;
  const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
  return (v) => v * Math.sqrt(6 / fanIn);
}

export function shapeOf(text: string): number[] {
  return text.split("x").map(Number);
}

export function input(shape: readonly number[], dtype: Floating): Tensor {
  const values = hashValues(
    shape.reduce((product, size) => product * size, 1),
    1000,
  ).map((v) => 1.5 * v);
  return fromTypedArray(dtype === "float32" ? Float32Array.from(values) : values, [...shape]);
}

export function summary(tensor: Tensor, first: number): { norm: number; sum: number; first: number[] } {
  return scope(() => {
    const values = tensor.detach().to({ dtype: "float64" });
    return {
      norm: values.norm().item(),
      sum: values.sum().item(),
      first: values.reshape([-1]).narrow(0, 0, Math.min(first, values.numel)).tolist() as number[],
    };
  });
}

/** What is wrong when numbers are farther apart than `absolute + relative * |expected|`. */
export function nearest(
  actual: readonly (number | undefined)[],
  expected: readonly number[],
  absolute: number,
  relative: number,
): string | undefined {
  for (const [i, wanted] of expected.entries()) {
    const got = actual[i] ?? Number.NaN;
    if (!(Math.abs(got - wanted) <= absolute + relative * Math.abs(wanted))) return `[${i}] ${got}, recorded ${wanted}`;
  }
  return actual.length === expected.length ? undefined : `${actual.length} numbers, recorded ${expected.length}`;
}

export function dispose(model: ImageModel): void {
  model.zeroGrad();
  for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
}
