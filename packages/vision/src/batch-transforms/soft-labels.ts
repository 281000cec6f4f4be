import type { Problem } from "@classifier-training/base";
import { fromTypedArray, type Tensor } from "@classifier-training/torch";
import { VisionError } from "../errors.ts";

/** Class indices [N] as one row of K shares each; soft labels [N, K] as they are. */
export function softLabels(labels: Tensor, numClasses: number | null | undefined, name: string): Tensor {
  if (labels.ndim === 2) return labels;
  if (numClasses == null) {
    throw new VisionError({
      code: "vision/num-classes",
      what: `${name} needs the number of classes to make soft labels`,
      fix: "set numClasses (num_classes)",
    });
  }
  const indices = Array.from(labels.toTypedArray() as BigInt64Array, Number);
  const rows = new Float32Array(indices.length * numClasses);
  for (const [row, label] of indices.entries()) {
    if (label >= numClasses) {
      throw new VisionError({ code: "vision/num-classes", what: `${name}: label ${label} of ${numClasses} classes` });
    }
    rows[row * numClasses + label] = 1;
  }
  return fromTypedArray(rows, [indices.length, numClasses], { device: labels.device });
}

export function optionsError(problem: Omit<Problem, "code">): VisionError {
  return new VisionError({ code: "vision/transform-options", ...problem });
}
