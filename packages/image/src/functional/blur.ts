import { type FloatImage, type Image, isByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";
import { viaRgb } from "./via-rgb.ts";

/** torchvision's Gaussian kernel: exp(-x^2 / 2 sigma^2) at integers, normalized to sum to 1. */
export function gaussianKernel(size: number, sigma: number): Float64Array {
  const kernel = Float64Array.from({ length: size }, (_, i) =>
    Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * sigma ** 2)),
  );
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  return kernel.map((weight) => weight / sum);
}

/** Positions of a reflected border: before[k + radius] is where position k - radius reads. */
function reflected(size: number, radius: number): Int32Array {
  if (size === 1) return new Int32Array(1 + 2 * radius);
  const period = 2 * (size - 1);
  return Int32Array.from({ length: size + 2 * radius }, (_, i) => {
    const wrapped = (((i - radius) % period) + period) % period;
    return wrapped < size ? wrapped : period - wrapped;
  });
}

/** Gaussian blur with reflected borders; kernel sizes are odd, in pixels, and sigmas in pixels, both as [x, y]. */
export function gaussianBlur(
  image: Image,
  kernelSize: readonly [number, number],
  sigma: readonly [number, number],
): Image {
  const [kx, ky] = [gaussianKernel(kernelSize[0], sigma[0]), gaussianKernel(kernelSize[1], sigma[1])];
  if (isByteImage(image)) {
    const { width, height, channels, data } = image;
    const blur = (rgb: Uint8Array) => blurBytes(rgb, width, height, kx, ky);
    return withPixels(image, channels === 3 ? blur(data) : viaRgb(image, blur), width, height);
  }
  const out = blurFloats(image as FloatImage, kx, ky);
  return withPixels(image as FloatImage, out, image.width, image.height);
}

/** Separable blur of RGB bytes: 14-bit weights, 7 fractional bits between the passes, rounded once at the end. */
function blurBytes(data: Uint8Array, width: number, height: number, kx: Float64Array, ky: Float64Array): Uint8Array {
  const [wx, wy] = [weights14(kx), weights14(ky)];
  const rx = (wx.length - 1) >> 1;
  const columns = reflected(width, rx);
  const rows = reflected(height, (wy.length - 1) >> 1);
  const pitch = Math.ceil((width * 3) / 8) * 8 + 8;
  // The kernel takes weights in pairs.
  const pairs = (weights: Int32Array) => Int16Array.from({ length: weights.length + 1 }, (_, i) => weights[i] ?? 0);
  const out = takeBytes(data.length);
  runKernels(out, (kernels, frame, outAt) => {
    const args = [frame.in(data), width, height, frame.in(columns), frame.in(rows)];
    args.push(frame.in(pairs(wx)), wx.length + 1, frame.in(pairs(wy)), wy.length + 1, rx, rows.length - 1);
    args.push(frame.take((width + 2 * rx + 16) * 3), frame.take(height * pitch * 2), pitch, outAt);
    kernels.blur(...args);
  });
  return out;
}

function weights14(kernel: Float64Array): Int32Array {
  const weights = Int32Array.from(kernel, (weight) => Math.round(weight * 16384));
  // The middle takes the rounding error, so that a flat image stays as it is.
  weights[(weights.length - 1) >> 1]! += 16384 - weights.reduce((sum, weight) => sum + weight, 0);
  return weights;
}

function blurFloats({ data, width, height, channels }: FloatImage, kx: Float64Array, ky: Float64Array): Float32Array {
  const columns = reflected(width, (kx.length - 1) >> 1);
  const rows = reflected(height, (ky.length - 1) >> 1);
  const rowLength = width * channels;
  const middle = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let k = 0; k < kx.length; k++) {
          sum += (data[y * rowLength + (columns[x + k] as number) * channels + c] as number) * (kx[k] as number);
        }
        middle[y * rowLength + x * channels + c] = sum;
      }
    }
  }
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < rowLength; i++) {
      let sum = 0;
      for (let k = 0; k < ky.length; k++)
        sum += (middle[(rows[y + k] as number) * rowLength + i] as number) * (ky[k] as number);
      out[y * rowLength + i] = sum;
    }
  }
  return out;
}

/** Blends with a smoothed version (0 smoothed, 1 unchanged, 2 sharpened); the border of one pixel stays. */
export function adjustSharpness(image: Image, factor: number): Image {
  const { width, height, channels, data } = image;
  if (width <= 2 || height <= 2) return image;
  const bytes = isByteImage(image);
  const pil = image.semantics === "pil";
  const out = bytes ? takeBytes(data.length) : new Float32Array(data.length);
  out.set(data);
  const rowLength = width * channels;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * rowLength + channels, end = (y + 1) * rowLength - channels; i < end; i++) {
      const value = data[i] as number;
      let sum = 4 * value;
      for (let row = i - rowLength; row <= i + rowLength; row += rowLength) {
        sum += (data[row - channels] as number) + (data[row] as number) + (data[row + channels] as number);
      }
      let smooth = sum / 13;
      if (bytes) smooth = pil ? Math.floor(smooth + 0.5) : Math.round(smooth);
      const blended = smooth + factor * (value - smooth);
      const limit = bytes ? 255 : 1;
      out[i] = blended < 0 ? 0 : blended > limit ? limit : Math.fround(blended);
    }
  }
  return { ...image, data: out };
}
