import { imagenetMean, imagenetStd, type Transform, type TransformSpec } from "@classifier-training/vision";
import type { LabelsMapping } from "../inference/labels-mapping.ts";

/** What `labels_mapping.json` says of classes and of the validation transforms. */
export function labelsMappingOf(classNames: readonly string[], transform: Transform, imageSize: number): LabelsMapping {
  const steps = flatten(transform.spec);
  const normalise = steps.find(({ transform: name }) => name === "Normalize")?.options;
  const { height, width } = inputSize(steps, imageSize);
  return {
    num_classes: classNames.length,
    class_to_idx: Object.fromEntries(classNames.map((name, index) => [name, index])),
    idx_to_class: Object.fromEntries(classNames.map((name, index) => [String(index), name])),
    normalization: {
      mean: (normalise?.["mean"] as number[] | undefined) ?? [...imagenetMean],
      std: (normalise?.["std"] as number[] | undefined) ?? [...imagenetStd],
    },
    preprocessing: {
      color_order: "RGB",
      layout: "NCHW",
      input_height: height,
      input_width: width,
      transform: transform.spec as { transform: string; options: Record<string, unknown> },
    },
  };
}

/** The steps of nested pipelines in one list. */
function flatten(spec: TransformSpec): TransformSpec[] {
  const inner = spec.options["transforms"];
  return Array.isArray(inner) ? inner.flatMap((step) => flatten(step as TransformSpec)) : [spec];
}

/** The size after the last step that sets both sides. */
function inputSize(steps: readonly TransformSpec[], imageSize: number): { height: number; width: number } {
  for (const { transform, options } of [...steps].reverse()) {
    const size = options["size"];
    if (Array.isArray(size) && size.length === 2) return { height: Number(size[0]), width: Number(size[1]) };
    const side = Array.isArray(size) ? size[0] : size;
    if (typeof side === "number" && transform !== "Resize") return { height: side, width: side };
  }
  return { height: imageSize, width: imageSize };
}
