import { activationOperators } from "./activations.ts";
import { convolutionOperators } from "./convolution.ts";
import { elementwiseOperators } from "./elementwise.ts";
import { indexingOperators } from "./indexing.ts";
import { linearOperators } from "./linear.ts";
import { normalizationOperators } from "./normalization.ts";
import { poolingOperators } from "./pooling.ts";
import { quantizationOperators } from "./quantization.ts";
import { reductionOperators } from "./reductions.ts";
import type { Operator } from "./setup.ts";
import { shapeOperators } from "./shapes.ts";
import { spatialOperators } from "./spatial.ts";

const operators = new Map<string, Operator>(
  [
    activationOperators,
    convolutionOperators,
    elementwiseOperators,
    indexingOperators,
    linearOperators,
    normalizationOperators,
    poolingOperators,
    quantizationOperators,
    reductionOperators,
    shapeOperators,
    spatialOperators,
  ].flatMap((family) => Object.entries(family)),
);

/** How an ONNX operator runs here; undefined for one that cannot be read. */
export function findOperator(op: string): Operator | undefined {
  return operators.get(op);
}

/** Names of the ONNX operators that are read. */
export function readableOps(): string[] {
  return [...operators.keys()].sort();
}
