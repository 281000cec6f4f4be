import { type Image, isByteImage } from "../image.ts";
import type { Fill } from "./crop.ts";
import { warpTensor } from "./grid-sample.ts";
import { type WarpInterpolation, type WarpMatrix, warpPillow } from "./warp.ts";

export interface AffineParams {
  /** Degrees, clockwise as torchvision counts. */
  readonly angle: number;
  /** Pixels. */
  readonly translate: readonly [number, number];
  readonly scale: number;
  /** Degrees. */
  readonly shear: readonly [number, number];
}

export interface WarpOptions {
  readonly interpolation?: WarpInterpolation;
  /** For what lies outside the image; without one, black. */
  readonly fill?: Fill | undefined;
  /** The fixed point, in pixels from the upper left corner; the middle of the image by default. */
  readonly center?: readonly [number, number] | undefined;
}

const radians = (degrees: number) => (degrees * Math.PI) / 180;

/**
 * torchvision's `_get_inverse_affine_matrix`: M = T C R S C^-1 inverted, from output to input positions.
 * R is rotation by `angle` with shear, S the scale, C the move to the center, T the translation.
 */
export function inverseAffineMatrix(
  center: readonly [number, number],
  { angle, translate: [tx, ty], scale, shear }: AffineParams,
): number[] {
  const rotation = radians(angle);
  const sx = radians(shear[0]);
  const sy = radians(shear[1]);
  const [cx, cy] = center;
  const a = Math.cos(rotation - sy) / Math.cos(sy);
  const b = (-Math.cos(rotation - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(rotation);
  const c = Math.sin(rotation - sy) / Math.cos(sy);
  const d = (-Math.sin(rotation - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(rotation);
  const m0 = d / scale;
  const m1 = -b / scale;
  const m3 = -c / scale;
  const m4 = a / scale;
  return [m0, m1, m0 * (-cx - tx) + m1 * (-cy - ty) + cx, m3, m4, m3 * (-cx - tx) + m4 * (-cy - ty) + cy];
}

function warp(image: Image, matrix: WarpMatrix, options: WarpOptions, width?: number, height?: number): Image {
  const { interpolation = "nearest", fill } = options;
  if (image.semantics === "pil" && isByteImage(image)) {
    return warpPillow(image, matrix, interpolation, fill ?? 0, width, height);
  }
  return warpTensor(image, matrix, interpolation, fill, width, height);
}

/** Rotates, moves, scales and shears, keeping the size. */
export function affine(image: Image, params: AffineParams, options: WarpOptions = {}): Image {
  const center = options.center ?? [image.width * 0.5, image.height * 0.5];
  return warp(image, inverseAffineMatrix(center, params), options);
}

/** Rotates counter-clockwise by `angle` degrees; `expand` makes the image large enough to hold all of it. */
export function rotate(
  image: Image,
  angle: number,
  { expand = false, ...options }: WarpOptions & { expand?: boolean } = {},
): Image {
  const { width, height } = image;
  const center = options.center ?? [width * 0.5, height * 0.5];
  if (image.semantics === "tensor") {
    const matrix = inverseAffineMatrix(center, { angle: -angle, translate: [0, 0], scale: 1, shear: [0, 0] });
    if (!expand) return warp(image, matrix, options);
    const [w, h] = tensorExtent(matrix, width, height);
    return warp(image, shifted(matrix, width, height, w, h), options, w, h);
  }
  return rotateAsPillow(image, angle, center, expand, options);
}

/** Moves the matrix's origin so that the middle of a larger output shows the middle of the input. */
function shifted(matrix: readonly number[], width: number, height: number, outWidth: number, outHeight: number) {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = matrix;
  const dx = (width - outWidth) / 2;
  const dy = (height - outHeight) / 2;
  return [a, b, a * dx + b * dy + c, d, e, d * dx + e * dy + f];
}

/** torchvision's `_compute_affine_output_size`, in float32 as there: a quarter turn must not gain a pixel by rounding. */
function tensorExtent(matrix: readonly number[], width: number, height: number): [number, number] {
  const { fround } = Math;
  const [a = 0, b = 0, , d = 0, e = 0] = matrix.map(fround);
  const corners = [
    [-0.5 * width, -0.5 * height],
    [-0.5 * width, 0.5 * height],
    [0.5 * width, 0.5 * height],
    [0.5 * width, -0.5 * height],
  ] as const;
  const xs = corners.map(([x, y]) => fround(fround(a * x) + b * y));
  const ys = corners.map(([x, y]) => fround(fround(d * x) + e * y));
  const truncated = (value: number) => fround(Math.trunc(fround(value * 1e4)) * 1e-4);
  const extent = (values: number[], size: number) => {
    const low = truncated(fround(Math.min(...values) + size * 0.5));
    const high = truncated(fround(Math.max(...values) + size * 0.5));
    return Math.ceil(high) - Math.floor(low);
  };
  return [extent(xs, width), extent(ys, height)];
}

/** `PIL.Image.rotate`. */
function rotateAsPillow(
  image: Image,
  degrees: number,
  center: readonly [number, number],
  expand: boolean,
  options: WarpOptions,
): Image {
  const { width, height } = image;
  const angle = ((degrees % 360) + 360) % 360;
  const centered = options.center === undefined;
  if (angle === 0 && centered) return image;
  // Pillow turns by quarters without resampling where the size allows it.
  if (centered && angle === 180)
    return warp(image, [-1, 0, width, 0, -1, height], { ...options, interpolation: "nearest" });
  if (centered && (angle === 90 || angle === 270) && (expand || width === height)) {
    const matrix = angle === 90 ? [0, -1, width, 1, 0, 0] : [0, 1, 0, -1, 0, height];
    return warp(image, matrix, { ...options, interpolation: "nearest" }, height, width);
  }
  const turn = -radians(angle);
  const fifteen = (value: number) => Number(value.toFixed(15));
  const [a, b, d, e] = [
    fifteen(Math.cos(turn)),
    fifteen(Math.sin(turn)),
    fifteen(-Math.sin(turn)),
    fifteen(Math.cos(turn)),
  ];
  const [cx, cy] = center;
  let c = a * -cx + b * -cy + cx;
  let f = d * -cx + e * -cy + cy;
  if (!expand) return warp(image, [a, b, c, d, e, f], options);
  const corners = [
    [0, 0],
    [width, 0],
    [width, height],
    [0, height],
  ] as const;
  const xs = corners.map(([x, y]) => a * x + b * y + c);
  const ys = corners.map(([x, y]) => d * x + e * y + f);
  const w = Math.ceil(Math.max(...xs)) - Math.floor(Math.min(...xs));
  const h = Math.ceil(Math.max(...ys)) - Math.floor(Math.min(...ys));
  const dx = -(w - width) / 2;
  const dy = -(h - height) / 2;
  c = a * dx + b * dy + c;
  f = d * dx + e * dy + f;
  return warp(image, [a, b, c, d, e, f], options, w, h);
}

export type Points = readonly (readonly [number, number])[];

/** The eight coefficients that map the end points back to the start points; float32, as torchvision rounds them. */
export function perspectiveCoefficients(startPoints: Points, endPoints: Points): number[] {
  const rows: number[][] = [];
  for (let i = 0; i < 4; i++) {
    const [x, y] = endPoints[i] as readonly [number, number];
    const [u, v] = startPoints[i] as readonly [number, number];
    rows.push([x, y, 1, 0, 0, 0, -u * x, -u * y, u], [0, 0, 0, x, y, 1, -v * x, -v * y, v]);
  }
  return solve(rows).map(Math.fround);
}

/** Gaussian elimination with pivoting; each row ends with its right-hand side. */
function solve(rows: number[][]): number[] {
  const n = rows.length;
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(rows[r]![i]!) > Math.abs(rows[pivot]![i]!)) pivot = r;
    const swap = rows[i]!;
    rows[i] = rows[pivot]!;
    rows[pivot] = swap;
    for (let r = 0; r < n; r++) {
      if (r === i) continue;
      const factor = rows[r]![i]! / rows[i]![i]!;
      if (factor !== 0) for (let k = i; k <= n; k++) rows[r]![k]! -= factor * rows[i]![k]!;
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!);
}

/** Distorts so that the start points come to lie on the end points. */
export function perspective(image: Image, startPoints: Points, endPoints: Points, options: WarpOptions = {}): Image {
  return warp(image, perspectiveCoefficients(startPoints, endPoints), { interpolation: "bilinear", ...options });
}
