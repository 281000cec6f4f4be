import * as z from "@classifier-training/base/zod";
import { paddingModes } from "../functional/crop.ts";
import { interpolations } from "../functional/resize.ts";

/** A probability. */
export const probability = (byDefault: number) =>
  z.number().min(0, "must be between 0 and 1").max(1, "must be between 0 and 1").default(byDefault);

const legacyInterpolations = {
  0: "nearest",
  1: "lanczos",
  2: "bilinear",
  3: "bicubic",
  4: "box",
  5: "hamming",
} as const;

/** The member of one of torchvision's enums: its name or value, or what `hydra.utils.get_object` gives for its path. */
export function enumMember(value: unknown, name: string): unknown {
  const given = typeof value === "function" && "target" in value ? value.target : value;
  if (typeof given !== "string") return given;
  return given
    .replace(new RegExp(`^.*${name}\\.`), "")
    .toLowerCase()
    .replace("_", "-");
}

/** Pillow's numbers for interpolations are understood too, as torchvision understands them. */
export function interpolationNamed(value: unknown): unknown {
  if (typeof value === "number") return legacyInterpolations[value as 0] ?? value;
  return enumMember(value, "InterpolationMode");
}

/** The type of pixels, also as `torch.float32`. */
export const dtypeOption = z.preprocess(
  (value) => (typeof value === "string" ? value.replace(/^torch\./, "").replace(/^float$/, "float32") : value),
  z.enum(["float32", "uint8"]),
);

export const interpolationOption = (byDefault: (typeof interpolations)[number]) =>
  z.preprocess(interpolationNamed, z.enum(interpolations)).default(byDefault);

export const warpInterpolationOption = (byDefault: "nearest" | "bilinear" | "bicubic") =>
  z.preprocess(interpolationNamed, z.enum(["nearest", "bilinear", "bicubic"])).default(byDefault);

const side = z.number().int("must be an integer of pixels").min(1, "must be at least 1");

/** A size as [height, width]; one number stands for a square. */
export const squareSizeOption = z
  .union([side, z.tuple([side]), z.tuple([side, side])])
  .transform((size): [number, number] => {
    if (typeof size === "number") return [size, size];
    return [size[0], size[1] ?? size[0]];
  });

/** A size as [height, width]; one number stands for the shorter side. */
export const resizeSizeOption = z
  .union([side, z.tuple([side]), z.tuple([side, side]), z.null()])
  .transform((size): [number, number] | number | undefined => {
    if (typeof size === "number") return size;
    if (size === null) return undefined;
    return size.length === 1 ? size[0] : [size[0], size[1]];
  });

export const fillOption = (byDefault: number | number[] = 0) =>
  z
    .union([z.number(), z.array(z.number()).min(1), z.null()])
    .transform((fill) => fill ?? 0)
    .default(byDefault);

export const paddingModeOption = z.enum(paddingModes).default("constant");

/** One number (all sides), two (left and right, top and bottom) or four (left, top, right, bottom). */
export const paddingOption = z
  .union([
    z.number().int(),
    z.tuple([z.number().int()]),
    z.tuple([z.number().int(), z.number().int()]),
    z.tuple([z.number().int(), z.number().int(), z.number().int(), z.number().int()]),
  ])
  .transform((padding): [number, number, number, number] => {
    if (typeof padding === "number") return [padding, padding, padding, padding];
    if (padding.length === 1) return [padding[0], padding[0], padding[0], padding[0]];
    if (padding.length === 2) return [padding[0], padding[1], padding[0], padding[1]];
    return padding;
  });

export const ordered = ([low, high]: readonly [number, number]) => low <= high;

/** A number d standing for [-d, d], or a range. */
export const spreadOption = z
  .union([
    z.number().min(0, "a single number must not be negative"),
    z.tuple([z.number(), z.number()]).refine(ordered, "the lower bound must not exceed the upper one"),
  ])
  .transform((spread): [number, number] => (typeof spread === "number" ? [-spread, spread] : spread));

/** The original's pairs `xMin`, `xMax`: refuses a lower bound above the upper one, naming both. */
export function checkOrder<Options extends Record<string, unknown>>(low: keyof Options, high: keyof Options) {
  return (options: Options, context: z.RefinementCtx<Options>) => {
    const [from, to] = [options[low] as number, options[high] as number];
    if (from <= to) return;
    context.addIssue({
      code: "custom",
      path: [low],
      message: `is ${from}, which must not exceed ${String(high)}, ${to}`,
    });
  };
}

export const bounded = (low: number, high: number, byDefault: number) => {
  const bounds = high === Number.POSITIVE_INFINITY ? `must be at least ${low}` : `must be between ${low} and ${high}`;
  return z.number().min(low, bounds).max(high, bounds).default(byDefault);
};

export const wholeBetween = (low: number, high: number, byDefault: number) => {
  const bounds = `must be an integer between ${low} and ${high}`;
  return z.number().int(bounds).min(low, bounds).max(high, bounds).default(byDefault);
};

/** The fill of the automatic augmentations: none by default. */
export const augmentFillOption = z
  .union([z.number(), z.array(z.number()).min(1), z.null()])
  .default(null)
  .transform((fill) => fill ?? undefined);
