import { type FloatImage, type Image, isByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";

/** Turns the hue by `factor` of the color circle, in [-0.5, 0.5]. */
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

/**
 * torchvision's hue change of Pillow images: RGB to Pillow's 8-bit HSV (Convert.c), hue plus a byte that wraps, and
 * back; in place.
 */
export function turnPillow(out: Uint8Array, factor: number): void {
  const shift = Math.trunc(factor * 255) & 255;
  runKernels(out, (kernels, _, at) => kernels.turn_hue(at, out.length / 3, shift));
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
