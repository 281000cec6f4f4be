import { activationOps } from "./activation.ts";
import { arithmeticOps } from "./arithmetic.ts";
import type { Converter } from "./call.ts";
import { convolutionOps } from "./convolution.ts";
import { indexingOps } from "./indexing.ts";
import { linearOps } from "./linear.ts";
import { normalizationOps } from "./normalization.ts";
import { poolingOps } from "./pooling.ts";
import { reductionOps } from "./reduction.ts";
import { shapeOps } from "./shape.ts";
import { spatialOps } from "./spatial.ts";

const converters = new Map<string, Converter>(
  [
    convolutionOps,
    poolingOps,
    normalizationOps,
    activationOps,
    linearOps,
    arithmeticOps,
    reductionOps,
    shapeOps,
    indexingOps,
    spatialOps,
  ].flatMap((family) => Object.entries(family)),
);

/**
 * Adds a converter, or replaces one.
 * @param op The operator without its overload: `aten::relu`, `mylib::swish`.
 */
export function registerConverter(op: string, converter: Converter): void {
  converters.set(plainName(op), converter);
}

/** The converter of an operator; an in-place one (`relu_`) has the plain one's. */
export function findConverter(op: string): Converter | undefined {
  const name = plainName(op);
  return converters.get(name) ?? converters.get(name.replace(/_$/, ""));
}

/** Names of the operators that can be exported, for messages. */
export function convertibleOps(): string[] {
  return [...converters.keys()].sort();
}

function plainName(op: string): string {
  return op.replace(/^aten::/, "");
}
