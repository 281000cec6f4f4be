import { CtError } from "@classifier-training/base";
import { type DType, fromTypedArray, noGrad, type Tensor } from "../src/index.ts";
import { type ResNet, resnet } from "./resnet-model.ts";

/** The recordings' models end in a layer of this many classes. */
export const classes = 42;

export function build(name: string, outputs: number): ResNet {
  const model = resnet(name, outputs);
  if (!model) throw new CtError({ code: "conformance/format", what: `no architecture named '${name}'` });
  return model;
}

/** The recordings' hash `v(i, k)`: uniform in [-1, 1), in float64. */
function hash(i: number, k: number): number {
  let h = (Math.imul(i, 0x9e3779b1) + Math.imul(k, 0x85ebca77)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 31 - 1;
}

function hashed(shape: readonly number[], k: number, value: (v: number) => number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return fromTypedArray(
    Float64Array.from({ length: count }, (_, i) => value(hash(i, k))),
    shape,
  );
}

function fillWeights(model: ResNet): void {
  noGrad(() => {
    for (const [k, [key, target]] of [...model.stateEntries()].entries()) {
      if (key.endsWith("num_batches_tracked")) continue;
      const fanIn = target.shape.slice(1).reduce((product, size) => product * size, 1);
      const value = formulaOf(key, target.ndim, fanIn);
      target.copy_(hashed(target.shape, k, value));
    }
  });
}

function formulaOf(key: string, dimensions: number, fanIn: number): (v: number) => number {
  if (key.endsWith("weight")) return dimensions > 1 ? (v) => v * Math.sqrt(6 / fanIn) : (v) => 1 + 0.1 * v;
  return key.endsWith("running_var") ? (v) => 1 + 0.5 * v : (v) => 0.1 * v;
}

export function input(shape: readonly number[], dtype: DType): Tensor {
  return hashed(shape, 1000, (v) => 1.5 * v).to({ dtype });
}

/** A model with the recordings' weights. */
export function prepared(name: string, dtype: DType): ResNet {
  const model = build(name, classes).to({ dtype: "float64" });
  fillWeights(model);
  return model.to({ dtype });
}
