/** An RGB image, and a map of values in 0..1, of any size, to overlay. */
export interface HeatOverlay {
  readonly pixels: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly map: { readonly values: Float32Array; readonly height: number; readonly width: number };
}

/** Opacity of the largest value. */
const strongest = 0.65;

/**
 * Overlays a map on an image in grayscale, whose colors would be mistaken for heat: from red (1) over yellow to
 * transparent (0).
 * @returns RGB, row-major, scaled so that the longer side is `size` pixels
 */
export function heatOverlay(
  { pixels, width, height, map }: HeatOverlay,
  size = 240,
): { pixels: Uint8ClampedArray; width: number; height: number } {
  const scale = size / Math.max(width, height);
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const out = new Uint8ClampedArray(w * h * 3);
  // Luma of ITU-R BT.601.
  const gray = (x: number, y: number) => {
    const [red = 0, green = 0, blue = 0] = pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3);
    return 0.299 * red + 0.587 * green + 0.114 * blue;
  };
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [u, v] = [(x + 0.5) / w, (y + 0.5) / h];
      const heat = bilinear((i, j) => map.values[j * map.width + i] as number, map.width, map.height, u, v);
      const color = [255, 220 * (1 - heat), 0];
      const alpha = strongest * heat;
      const own = bilinear(gray, width, height, u, v);
      for (const [c, value] of color.entries()) out[(y * w + x) * 3 + c] = own * (1 - alpha) + value * alpha;
    }
  }
  return { pixels: out, width: w, height: h };
}

/** The value at a place given in 0..1, between the centers of pixels. */
function bilinear(read: (x: number, y: number) => number, width: number, height: number, u: number, v: number): number {
  const x = Math.min(width - 1, Math.max(0, u * width - 0.5));
  const y = Math.min(height - 1, Math.max(0, v * height - 0.5));
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const [x1, y1] = [Math.min(width - 1, x0 + 1), Math.min(height - 1, y0 + 1)];
  const [dx, dy] = [x - x0, y - y0];
  const top = read(x0, y0) * (1 - dx) + read(x1, y0) * dx;
  const bottom = read(x0, y1) * (1 - dx) + read(x1, y1) * dx;
  return top * (1 - dy) + bottom * dy;
}
