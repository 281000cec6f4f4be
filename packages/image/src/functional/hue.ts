import { type FloatImage, type Image, isByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";

/** Turns the hue by `factor` of the colour circle, in [-0.5, 0.5]. */
export function adjustHue(image: Image, factor: number): Image {
  if (image.channels !== 3) return image;
  if (!isByteImage(image)) {
    const out = new Float32Array(image.data.length);
    turnFloats(image.data as Float32Array, out, factor);
    return withPixels(image as FloatImage, out, image.width, image.height);
  }
  const out = takeBytes(image.data.length);
  if (image.semantics === "pil") {
    out.set(image.data);
    turnPillow(out, factor);
  } else {
    const floats = Float32Array.from(image.data, (v) => v / 255);
    turnFloats(floats, floats, factor);
    for (let i = 0; i < out.length; i++) out[i] = (floats[i] as number) * 255.999;
  }
  return withPixels(image, out, image.width, image.height);
}

/** saturation[max * 256 + range] = trunc(255 * range / max) */
let saturation: Uint8Array | undefined;
/** 42.5 / range: hue steps per unit of difference. */
const hueStep = Float64Array.from({ length: 256 }, (_, range) => (range === 0 ? 0 : 42.5 / range));
/** Sixth of the circle and fraction within it of each 8-bit hue. */
const sector = Uint8Array.from({ length: 256 }, (_, h) => Math.floor((h * 6) / 255) % 6);
const fraction = Float64Array.from({ length: 256 }, (_, h) => (h * 6) / 255 - Math.floor((h * 6) / 255));

function saturationTable(): Uint8Array {
  if (saturation) return saturation;
  saturation = new Uint8Array(65536);
  for (let max = 1; max < 256; max++) {
    for (let range = 0; range <= max; range++) {
      saturation[max * 256 + range] = Math.trunc(Math.fround(range / max) * 255);
    }
  }
  return saturation;
}

/** The 8-bit hue with Pillow's own roundings, for values that lie at a step. */
function hueAsPillow(r: number, g: number, b: number, max: number, range: number): number {
  const rc = Math.fround((max - r) / range);
  const gc = Math.fround((max - g) / range);
  const bc = Math.fround((max - b) / range);
  let h: number;
  if (r === max) h = Math.fround(bc - gc);
  else if (g === max) h = Math.fround(2 + rc - bc);
  else h = Math.fround(4 + gc - rc);
  return Math.trunc(Math.fround((h / 6 + 1) % 1) * 255);
}

/**
 * torchvision's hue change of Pillow images: RGB to Pillow's 8-bit HSV (Convert.c), hue plus a byte that wraps, and
 * back; in place.
 */
export function turnPillow(out: Uint8Array, factor: number): void {
  const shift = Math.trunc(factor * 255) & 255;
  if (runKernels(out, (kernels, _, at) => kernels.turn_hue(at, out.length / 3, shift))) return;
  const data = out;
  const saturations = saturationTable();
  for (let i = 0; i < data.length; i += 3) {
    const r = data[i] as number;
    const g = data[i + 1] as number;
    const b = data[i + 2] as number;
    const max = r > g ? Math.max(r, b) : Math.max(g, b);
    const min = r < g ? Math.min(r, b) : Math.min(g, b);
    const range = max - min;
    if (range === 0) {
      out[i] = out[i + 1] = out[i + 2] = max;
      continue;
    }
    const s = saturations[(max << 8) | range] as number;
    if (s === 0) {
      out[i] = out[i + 1] = out[i + 2] = max;
      continue;
    }
    // Hue * 255.
    const step = hueStep[range] as number;
    let hue: number;
    if (r === max) hue = (g - b) * step + 255;
    else if (g === max) hue = 85 + (b - r) * step;
    else hue = 170 + (r - g) * step;
    let whole = hue | 0;
    const rest = hue - whole;
    if (rest < 1e-3 || rest > 0.999) whole = hueAsPillow(r, g, b, max, range);
    else if (whole >= 255) whole -= 255;
    const h = (whole + shift) & 255;
    const f = fraction[h] as number;
    const amount = (max * s) / 255;
    const p = (max - amount + 0.5) | 0;
    const q = (max - amount * f + 0.5) | 0;
    const t = (max - amount * (1 - f) + 0.5) | 0;
    switch (sector[h]) {
      case 0:
        out[i] = max;
        out[i + 1] = t;
        out[i + 2] = p;
        break;
      case 1:
        out[i] = q;
        out[i + 1] = max;
        out[i + 2] = p;
        break;
      case 2:
        out[i] = p;
        out[i + 1] = max;
        out[i + 2] = t;
        break;
      case 3:
        out[i] = p;
        out[i + 1] = q;
        out[i + 2] = max;
        break;
      case 4:
        out[i] = t;
        out[i + 1] = p;
        out[i + 2] = max;
        break;
      default:
        out[i] = max;
        out[i + 1] = p;
        out[i + 2] = q;
    }
  }
}

/** torchvision's hue change of float tensors in [0, 1] (`_rgb_to_hsv`, `_hsv_to_rgb`); `out` may be `data`. */
function turnFloats(data: Float32Array, out: Float32Array, factor: number): void {
  for (let i = 0; i < data.length; i += 3) {
    const r = data[i] as number;
    const g = data[i + 1] as number;
    const b = data[i + 2] as number;
    const max = Math.max(r, g, b);
    const range = max - Math.min(r, g, b);
    if (range === 0) {
      out[i] = out[i + 1] = out[i + 2] = max;
      continue;
    }
    const s = range / max;
    let hue: number;
    if (r === max) hue = (g - b) / range;
    else if (g === max) hue = 2 + (b - r) / range;
    else hue = 4 + (r - g) / range;
    hue = (hue / 6 + 1) % 1;
    hue = hue + factor - Math.floor(hue + factor);
    const h6 = hue * 6;
    const whole = Math.floor(h6);
    const f = h6 - whole;
    const p = max * (1 - s);
    const q = max * (1 - s * f);
    const t = max * (1 - s * (1 - f));
    const [red, green, blue] = pick(whole % 6, max, p, q, t);
    out[i] = red;
    out[i + 1] = green;
    out[i + 2] = blue;
  }
}

function pick(sixth: number, v: number, p: number, q: number, t: number): readonly [number, number, number] {
  switch (sixth) {
    case 0:
      return [v, t, p];
    case 1:
      return [q, v, p];
    case 2:
      return [p, v, t];
    case 3:
      return [p, q, v];
    case 4:
      return [t, p, v];
    default:
      return [v, p, q];
  }
}
