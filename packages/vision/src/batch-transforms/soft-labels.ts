import type { Problem } from "@classifier-training/base";
import { fromTypedArray, type Tensor } from "@classifier-training/torch";
import { VisionError } from "../errors.ts";

/** Class indices [N] as one row of K probabilities each; soft labels [N, K] as they are. */
export function softLabels(labels: Tensor, numClasses: number | null | undefined, name: string): Tensor {
  if (labels.ndim === 2) return labels;
  if (numClasses == null) {
    throw new VisionError({
      code: "vision/num-classes",
      what: `${name}: the number of classes is not set`,
      fix: "set numClasses (num_classes), the length of a soft label",
    });
  }
  const indices = Array.from(labels.toTypedArray() as BigInt64Array, Number);
  const rows = new Float32Array(indices.length * numClasses);
  for (const [row, label] of indices.entries()) {
    if (label >= numClasses) {
      throw new VisionError({
        code: "vision/num-classes",
        what: `${name}: expected labels below ${numClasses}, the number of classes, received ${label}`,
      });
    }
    rows[row * numClasses + label] = 1;
  }
  return fromTypedArray(rows, [indices.length, numClasses], { device: labels.device });
}

export function optionsError(problem: Omit<Problem, "code">): VisionError {
  return new VisionError({ code: "vision/transform-options", ...problem });
}
