import { CtError } from "@classifier-training/base";
import { type DType, type Tensor, tensor } from "../src/index.ts";
import type { PythonValue } from "./python-call.ts";
import { isCall, readPython } from "./python-call.ts";

/** The recordings' deterministic input: `sin(0.37 i + 0.11 k) * scale` in float64 over the row-major index, then cast. */
export function fill(shape: readonly number[], k: number, scale = 1, dtype: DType = "float32"): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: count }, (_, i) => Math.sin(0.37 * i + 0.11 * k) * scale);
  return tensor(values, { dtype: "float64" }).reshape(shape).to({ dtype });
}

/** Reads `fill((6,5),k=1,scale=3)`. A dtype may follow, as in `fill(...) float32`. */
export function fillFromText(text: string, dtype: DType = "float32"): Tensor {
  const { value, rest } = readPython(text);
  if (!isCall(value) || value.name !== "fill") {
    throw new CtError({ code: "conformance/format", what: `expected fill(...), received '${text}'` });
  }
  const [shape, k, scale] = value.args;
  const number = (given: PythonValue | undefined, otherwise: number) =>
    given === undefined ? otherwise : Number(given);
  const named = /^\s*(float32|float64)/.exec(rest)?.[1] as DType | undefined;
  return fill(
    [shape as number | number[]].flat(),
    number(k ?? value.kwargs["k"], 0),
    number(scale ?? value.kwargs["scale"], 1),
    named ?? dtype,
  );
}
