import { fromTypedArray, type nn, noGrad, type Tensor } from "@classifier-training/torch";

/** `v(i, k)` for i = 0 .. n-1: numbers in [-1, 1) from a hash of index and ordinal, the same in Python and here. */
export function hashValues(n: number, k: number): Float64Array {
  return hashInto(new Float64Array(n), k, (v) => v);
}

function hashInto<Values extends Float32Array | Float64Array>(
  values: Values,
  k: number,
  change: (v: number) => number,
): Values {
  const offset = Math.imul(k, 0x85ebca77);
  for (let i = 0; i < values.length; i++) {
    let h = (Math.imul(i, 0x9e3779b1) + offset) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    values[i] = change((((h ^ (h >>> 16)) >>> 0) / 4294967296) * 2 - 1);
  }
  return values;
}

/** The rule of `make-models-golden.py`: sizes that keep activations in range for every family. */
export function generalRule(name: string, shape: readonly number[]): (v: number) => number {
  if (name.endsWith("num_batches_tracked")) return () => 0;
  if (name.endsWith("running_mean") || name.endsWith("bias")) return (v) => 0.1 * v;
  if (name.endsWith("running_var")) return (v) => 1 + 0.5 * v;
  if (name.endsWith("layer_scale")) return (v) => 0.5 + 0.1 * v;
  if (shape.length <= 1) return (v) => 1 + 0.1 * v;
  const scale = Math.sqrt(3 / shape.slice(1).reduce((product, size) => product * size, 1));
  return (v) => v * scale;
}

/** Fills all of a model's state, in the order of its state dict. */
export function fillModel(model: nn.AnyModule, rule = generalRule): void {
  noGrad(() => {
    for (const [k, [name, target]] of [...model.stateEntries()].entries()) {
      if (!name.endsWith("relative_position_index")) fillTensor(target, k, rule(name, target.shape));
    }
  });
}

function fillTensor(target: Tensor, k: number, change: (v: number) => number): void {
  const source = fromTypedArray(hashInto(new Float32Array(target.numel), k, change), [...target.shape]);
  target.copy_(source);
  source.dispose();
}

/** An input image batch of hash values times 1.5. */
export function hashInput(shape: readonly number[], dtype: "float32" | "float64" = "float32"): Tensor {
  const values = hashValues(
    shape.reduce((product, size) => product * size, 1),
    1000,
  ).map((v) => 1.5 * v);
  return fromTypedArray(dtype === "float32" ? Float32Array.from(values) : values, [...shape]);
}
