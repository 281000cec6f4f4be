import { platform } from "#platform";
import type { Box } from "../functional/resample.ts";
import type { ByteImage } from "../image.ts";
import { recycle, takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

/** The part of an image of this size that will be read; the pixels elsewhere may be anything. */
export type RegionOf = (size: { width: number; height: number; channels: number }) => Box | undefined;

/**
 * Decodes a plain JPEG file (baseline, gray or 4:4:4 or 4:2:0) with libjpeg's arithmetic: the
 * pixels are the same as sharp's, without the cost of setting up a pipeline for each. Undefined for every other file, and for one that is damaged in any way: sharp decides about those.
 */
export function decodePlainJpeg(bytes: Uint8Array, regionOf?: RegionOf): ByteImage | undefined {
  if (bytes.length > platform.largestPlainJpeg.bytes || bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  let image: ByteImage | undefined;
  const info = takeBytes(16);
  runKernels(info, (kernels, frame, infoAt) => {
    const at = frame.in(bytes);
    if (kernels.jpeg_header(at, bytes.length, infoAt) === 0) return;
    const [width = 0, height = 0, components = 0, ratio = 1] = new Int32Array(frame.buffer, infoAt, 4);
    if (width * height > platform.largestPlainJpeg.pixels) return;
    const region = regionOf?.({ width, height, channels: 3 }) ?? { left: 0, top: 0, width, height };
    const edges = [region.left, region.top, region.left + region.width, region.top + region.height];
    const lumaWidth = roundUp(width, 8 * ratio);
    const lumaHeight = roundUp(height, 8 * ratio);
    const chromaWidth = lumaWidth / ratio;
    const y = frame.take(lumaWidth * lumaHeight);
    const cb = frame.take((chromaWidth * lumaHeight) / ratio);
    const cr = frame.take((chromaWidth * lumaHeight) / ratio);
    const rows = frame.take(2 * (width + 32));
    const clean = frame.take(bytes.length + 288);
    const out = takeBytes(width * height * 3);
    const outAt = frame.inOut(out);
    if (kernels.jpeg_scan(at, bytes.length, y, lumaWidth, cb, cr, chromaWidth, ...edges, clean) === 0) {
      recycle(out);
      return;
    }
    if (components === 1)
      spreadGray(
        new Uint8Array(frame.buffer, y, lumaWidth * height),
        lumaWidth,
        width,
        height,
        new Uint8Array(frame.buffer, outAt, out.length),
      );
    else if (ratio === 1) kernels.jpeg_from_ycc444(y, cb, cr, lumaWidth, width, outAt, ...edges);
    else kernels.jpeg_from_ycc(y, lumaWidth, cb, cr, chromaWidth, width, height, rows, outAt, ...edges);
    image = { width, height, channels: 3, data: out, semantics: "pil" };
  });
  recycle(info);
  return image;
}

function spreadGray(plane: Uint8Array, stride: number, width: number, height: number, out: Uint8Array): void {
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) out[to] = out[to + 1] = out[to + 2] = plane[y * stride + x] as number;
  }
}
