import { ImageError } from "../errors.ts";

/** The filters of Pillow's resize, and how far each reaches at scale 1. */
const filters = {
  box: { support: 0.5, at: (x: number) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    at(x: number) {
      const a = Math.abs(x);
      if (a === 0) return 1;
      if (a >= 1) return 0;
      return (Math.sin(a * Math.PI) / (a * Math.PI)) * (0.54 + 0.46 * Math.cos(a * Math.PI));
    },
  },
  bicubic: { support: 2, at: (x: number) => cubic(x, -0.5) },
  lanczos: { support: 3, at: (x: number) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} as const;

export type ResampleFilter = keyof typeof filters;

/** Keys' cubic kernel with parameter `a` (Pillow and antialiased torch use -0.5, plain torch -0.75). */
export function cubic(x: number, a: number): number {
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** Which input positions, with which weights, make each output position of one axis. */
export interface Coefficients {
  /** Weights per output position; unused places are zero. */
  readonly taps: number;
  /** First input position of each output position. */
  readonly first: Int32Array;
  /** Number of input positions of each output position. */
  readonly count: Int32Array;
  /** `taps` weights for each output position, summing to 1. */
  readonly weights: Float64Array;
}

/** Weights of Pillow's `precompute_coeffs` (Resample.c), which are also those of torch's antialiased interpolate. */
export function resampleCoefficients(inSize: number, outSize: number, filter: ResampleFilter): Coefficients {
  const { support: reach, at } = filters[filter];
  const scale = inSize / outSize;
  const filterScale = Math.max(1, scale);
  const support = reach * filterScale;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(outSize);
  const count = new Int32Array(outSize);
  const weights = new Float64Array(outSize * taps);
  for (let out = 0; out < outSize; out++) {
    const center = (out + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - support + 0.5));
    const high = Math.min(inSize, Math.trunc(center + support + 0.5));
    let sum = 0;
    for (let i = low; i < high; i++) {
      const weight = at((i - center + 0.5) / filterScale);
      weights[out * taps + i - low] = weight;
      sum += weight;
    }
    if (sum !== 0) for (let i = 0; i < high - low; i++) weights[out * taps + i]! /= sum;
    first[out] = low;
    count[out] = high - low;
  }
  return { taps, first, count, weights };
}

/** Weights of torch's interpolate without antialias (align_corners=False): bilinear or bicubic with a = -0.75. */
export function interpolateCoefficients(inSize: number, outSize: number, mode: "bilinear" | "bicubic"): Coefficients {
  const scale = inSize / outSize;
  const taps = mode === "bilinear" ? 2 : 4;
  const first = new Int32Array(outSize);
  const count = new Int32Array(outSize);
  const weights = new Float64Array(outSize * taps);
  for (let out = 0; out < outSize; out++) {
    let center = (out + 0.5) * scale - 0.5;
    if (mode === "bilinear") center = Math.max(0, center);
    const base = Math.floor(center);
    const lowest = mode === "bilinear" ? base : base - 1;
    const start = Math.max(0, Math.min(inSize - 1, lowest));
    const end = Math.max(0, Math.min(inSize - 1, lowest + taps - 1));
    first[out] = start;
    count[out] = end - start + 1;
    for (let tap = 0; tap < taps; tap++) {
      const distance = lowest + tap - center;
      const weight = mode === "bilinear" ? Math.max(0, 1 - Math.abs(distance)) : cubic(distance, -0.75);
      // Positions outside the image repeat its edge.
      const position = Math.max(start, Math.min(end, lowest + tap));
      weights[out * taps + position - start]! += weight;
    }
  }
  return { taps, first, count, weights };
}

/** Input positions of nearest-neighbor sampling: Pillow's (`pil`), torch's `nearest` and `nearest-exact`. */
export function nearestPositions(
  inSize: number,
  outSize: number,
  kind: "pil" | "nearest" | "nearest-exact",
): Int32Array {
  const scale = inSize / outSize;
  const positions = new Int32Array(outSize);
  const scale32 = Math.fround(scale);
  let walk = scale * 0.5;
  for (let out = 0; out < outSize; out++) {
    let position: number;
    if (kind === "pil") {
      // Pillow adds the step up, rounding errors included (ImagingScaleAffine).
      position = Math.trunc(walk);
      walk += scale;
    } else position = Math.floor(Math.fround(Math.fround(kind === "nearest" ? out : out + 0.5) * scale32));
    positions[out] = Math.min(inSize - 1, position);
  }
  return positions;
}

/** @throws ImageError if a size is not a positive integer. */
export function checkSize(width: number, height: number): void {
  if (Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0) return;
  throw new ImageError({
    code: "image/size",
    what: `size of an image: expected width and height of at least 1, both integers, received ${width}x${height}`,
  });
}
