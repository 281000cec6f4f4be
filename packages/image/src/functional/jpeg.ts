import { type ByteImage, withPixels } from "../image.ts";
import { recycle, takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";

/** Quantization tables of the JPEG standard (Annex K), in row order. */
export const luminanceBase = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
] as const;
export const chrominanceBase = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99,
] as const;

/** libjpeg's `jpeg_set_quality` with baseline limits. */
export function quantTable(base: readonly number[], quality: number): Int32Array {
  const q = Math.max(1, Math.min(100, Math.trunc(quality)));
  const scale = q < 50 ? Math.trunc(5000 / q) : 200 - q * 2;
  return Int32Array.from(base, (value) => Math.max(1, Math.min(255, Math.trunc((value * scale + 50) / 100))));
}

/**
 * What a JPEG file of this quality would give back (libjpeg, 4:2:0, islow DCT, fancy upsampling), without writing one:
 * entropy coding loses nothing, so the round trip is color conversion, subsampling, DCT, quantization and the way
 * back. Equal to encoding and decoding, at a small part of the cost.
 */
export function jpegRoundTrip(image: ByteImage, quality: number): ByteImage {
  const { width, height, channels } = image;
  const luma = quantTable(luminanceBase, quality);
  if (channels === 1) {
    const plane = paddedPlane(image.data, width, height);
    requantize(plane.data, plane.width, plane.height, luma);
    const out = takeBytes(width * height);
    for (let y = 0; y < height; y++) out.set(plane.data.subarray(y * plane.width, y * plane.width + width), y * width);
    return withPixels(image, out, width, height);
  }
  const halfWidth = (width + 1) >> 1;
  const halfHeight = (height + 1) >> 1;
  const lumaWidth = roundUp(width, 8);
  const lumaHeight = roundUp(height, 8);
  const chromaWidth = roundUp(halfWidth, 8);
  const chromaHeight = roundUp(halfHeight, 8);
  const y = takeBytes(lumaWidth * lumaHeight);
  const cb = takeBytes(chromaWidth * chromaHeight);
  const cr = takeBytes(chromaWidth * chromaHeight);
  runKernels(y, (kernels, frame, at) => {
    const planes = [at, lumaWidth, lumaHeight, frame.inOut(cb), frame.inOut(cr), chromaWidth, chromaHeight];
    kernels.jpeg_to_ycc(frame.in(image.data), width, height, ...planes);
  });
  const chroma = quantTable(chrominanceBase, quality);
  requantize(y, lumaWidth, lumaHeight, luma);
  requantize(cb, chromaWidth, chromaHeight, chroma);
  requantize(cr, chromaWidth, chromaHeight, chroma);
  const out = takeBytes(width * height * 3);
  runKernels(out, (kernels, frame, outAt) => {
    const planes = [frame.in(y), lumaWidth, frame.in(cb), frame.in(cr), chromaWidth];
    const rows = frame.take(2 * (width + 32));
    kernels.jpeg_from_ycc(...planes, width, height, rows, outAt, 0, 0, width, height);
  });
  for (const plane of [y, cb, cr]) recycle(plane);
  return withPixels(image, out, width, height);
}

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

function paddedPlane(data: Uint8Array, width: number, height: number) {
  const plane = { width: roundUp(width, 8), height: roundUp(height, 8) };
  const out = takeBytes(plane.width * plane.height);
  for (let y = 0; y < plane.height; y++) {
    const row = Math.min(y, height - 1) * width;
    for (let x = 0; x < plane.width; x++) out[y * plane.width + x] = data[row + Math.min(x, width - 1)] as number;
  }
  return { ...plane, data: out };
}

/** Each 8x8 block to the frequency domain, rounded to multiples of the table, and back; in place. */
function requantize(plane: Uint8Array, width: number, height: number, table: Int32Array): void {
  runKernels(plane, (kernels, frame, at) => {
    const steps = frame.in(table);
    // A little more than 1 / (8 step), so that exact multiples are not rounded down.
    const inverse = frame.in(Float32Array.from(table, (step) => (1 + 2 ** -20) / (8 * step)));
    kernels.jpeg_requantise(at, width, height, steps, inverse);
  });
}
