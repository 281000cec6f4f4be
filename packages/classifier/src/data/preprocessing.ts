import { CtError, snakeCase } from "@classifier-training/base";
import type { DecisionRule, LabelsMapping } from "@classifier-training/runs";
import {
  CenterCrop,
  Compose,
  Normalize,
  namedSpec,
  Resize,
  type Task,
  type Transform,
  type TransformSpec,
} from "@classifier-training/vision";

/** What a network's input was normalized with, by channel. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The last `Normalize` of a pipeline; one without any leaves values in 0..1. */
export function normalizationOf(transform: Transform): Normalization {
  const options = flatten(transform.spec).findLast(({ transform: name }) => name === "Normalize")?.options;
  const { mean = [0], std = [1] } = (options ?? {}) as Partial<Normalization>;
  const perChannel = (values: readonly number[]) => Array.from({ length: 3 }, (_, i) => values[i] ?? values[0] ?? 0);
  return { mean: perChannel(mean), std: perChannel(std) };
}

/** The same preprocessing with another normalization: in place of the last `Normalize`, or where pixels become floats. */
export function withNormalization(transform: Transform, { mean, std }: Normalization): Transform {
  const normalize = Normalize({ mean: [...mean], std: [...std] });
  const isFloat = (name: string) => /^(ToFloat32Tensor|ToTensor|ToDtype|ConvertImageDtype)$/.test(name);
  return (
    replaceLast(
      transform,
      (name) => name === "Normalize",
      () => normalize,
    ) ??
    replaceLast(transform, isFloat, (step) => Compose({ transforms: [step, normalize] })) ??
    Compose({ transforms: [transform, normalize] })
  );
}

function replaceLast(
  transform: Transform,
  matches: (name: string) => boolean,
  replace: (step: Transform) => Transform,
): Transform | undefined {
  const { name, options } = transform;
  if (name !== "Compose") return matches(name) ? replace(transform) : undefined;
  const steps = [...(options["transforms"] as readonly Transform[])];
  for (let i = steps.length - 1; i >= 0; i--) {
    const replaced = replaceLast(steps[i] as Transform, matches, replace);
    if (replaced === undefined) continue;
    steps[i] = replaced;
    return Compose({ transforms: steps });
  }
  return undefined;
}

/**
 * The same preprocessing for a square input of another size: what is resized and cropped keeps its proportion to it.
 * @returns undefined where a step does more to an image's geometry than resize it or crop its center
 */
export function forInputSize(transform: Transform, from: number, to: number): Transform | undefined {
  const { name, options, spec } = transform;
  const scaled = (size: number) => Math.round((size * to) / from);
  if (name === "Compose") {
    const steps = (options["transforms"] as readonly Transform[]).map((step) => forInputSize(step, from, to));
    return steps.includes(undefined) ? undefined : Compose({ transforms: steps as Transform[] });
  }
  const { size, maxSize } = options as { size?: number | readonly [number, number]; maxSize?: number | null };
  if (name === "Resize" && maxSize == null && typeof size === "number")
    return Resize.build({ ...spec.options, size: scaled(size) });
  if ((name === "Resize" || name === "CenterCrop") && typeof size === "object") {
    const both = size.map(scaled);
    return (name === "Resize" ? Resize : CenterCrop).build({ ...spec.options, size: both });
  }
  return withoutGeometry.has(name) ? transform : undefined;
}

/** What `labels_mapping.json` says of classes, of how files are read and of the validation transforms. */
export function labelsMappingOf(
  classNames: readonly string[],
  transform: Transform,
  imageSize: number,
  exifOrientation = false,
  task: Task = "multiclass",
): LabelsMapping {
  const steps = flatten(transform.spec);
  const { mean, std } = normalizationOf(transform);
  const { height, width } = inputSize(steps, imageSize);
  return {
    num_classes: classNames.length,
    class_to_idx: Object.fromEntries(classNames.map((name, index) => [name, index])),
    idx_to_class: Object.fromEntries(classNames.map((name, index) => [String(index), name])),
    ...(task === "multilabel" && { task }),
    normalization: { mean: [...mean], std: [...std] },
    preprocessing: {
      color_order: "RGB",
      layout: "NCHW",
      exif_orientation: exifOrientation,
      input_height: height,
      input_width: width,
      geometry: flattenTransforms(transform).flatMap(geometryOf),
      value_range: [0, 1],
      transform: namedSpec(transform.spec) as { transform: string; options: Record<string, unknown> },
    },
  };
}

function flattenTransforms(transform: Transform): Transform[] {
  const inner = (transform.options as { transforms?: readonly Transform[] }).transforms;
  return transform.name === "Compose" && inner !== undefined ? inner.flatMap(flattenTransforms) : [transform];
}

/** What a step does to an image's geometry, with nothing left to a default: for programs that do not use this one. */
function geometryOf({ name, options }: Transform): GeometryStep[] {
  const { size, maxSize, interpolation, antialias } = options as {
    size?: number | readonly [number, number];
    maxSize?: number | null;
    interpolation?: string;
    antialias?: boolean | null;
  };
  if (name === "Resize") {
    const sides = typeof size === "object" ? { height: size[0], width: size[1] } : { shorter_side: size ?? null };
    const limit = maxSize == null ? {} : { longer_side_at_most: maxSize };
    return [{ step: "resize", ...sides, ...limit, interpolation, antialias: antialias ?? true }];
  }
  if (name === "CenterCrop" && typeof size === "object")
    return [{ step: "center_crop", height: size[0], width: size[1] }];
  return withoutGeometry.has(name)
    ? []
    : [{ step: snakeCase(name.charAt(0).toLowerCase() + name.slice(1)), ...options }];
}

type GeometryStep = { readonly step: string } & Readonly<Record<string, unknown>>;

const withoutGeometry = new Set([
  "ColorJitter",
  "ConvertImageDtype",
  "Grayscale",
  "Identity",
  "Normalize",
  "PILToTensor",
  "RGB",
  "ToDtype",
  "ToFloat32Tensor",
  "ToImage",
  "ToPILImage",
  "ToPureTensor",
  "ToTensor",
]);

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

/** The labels mapping with what a model of its task decides by. */
export function withDecision(labels: LabelsMapping, { thresholds, calibration }: DecisionRule): LabelsMapping {
  if (labels.task === "multilabel") return thresholds === undefined ? labels : { ...labels, thresholds };
  return calibration === undefined ? labels : { ...labels, calibration };
}

/** The labels mapping of a model that refuses a fraction of images as unreadable. @throws CtError for one that cannot */
export function withRefusal(labels: LabelsMapping, refuse: number, where: string): LabelsMapping {
  if (labels.calibration !== undefined) return { ...labels, refuse };
  throw new CtError({
    code: "classifier/calibration",
    what: "expected a model of one label per image that was calibrated on validation, to know which images to refuse",
    where,
    fix: "leave it out, or train the model again with this version and validation images",
  });
}
