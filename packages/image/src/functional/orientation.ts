import { type Image, isByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";

/** EXIF orientation of an image: 1 as stored, 2 mirrored, 3 rotated by 180 degrees, 6 and 8 by 90 degrees, ... */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export const orientations: readonly Orientation[] = [1, 2, 3, 4, 5, 6, 7, 8];

/**
 * For each orientation: whether rows and columns change places, and whether then the rows and the columns of the
 * result run backwards through the image (EXIF 2.32, tag Orientation, solved for the oriented image).
 */
const layouts: Record<Orientation, readonly [transposed: boolean, rowsBackwards: boolean, columnsBackwards: boolean]> =
  {
    1: [false, false, false],
    2: [false, false, true],
    3: [false, true, true],
    4: [false, true, false],
    5: [true, false, false],
    6: [true, false, true],
    7: [true, true, true],
    8: [true, true, false],
  };

/** Applies an EXIF orientation, as Pillow's `exif_transpose` does. 5 to 8 exchange width and height. */
export function applyOrientation(image: Image, orientation: Orientation): Image {
  if (orientation === 1) return image;
  const { width, height, channels, data } = image;
  const [transposed, rowsBackwards, columnsBackwards] = layouts[orientation];
  const [outWidth, outHeight] = transposed ? [height, width] : [width, height];
  const rowStep = (transposed ? 1 : width) * (rowsBackwards ? -1 : 1);
  const columnStep = (transposed ? width : 1) * (columnsBackwards ? -1 : 1);
  const start = (rowsBackwards ? (1 - outHeight) * rowStep : 0) + (columnsBackwards ? (1 - outWidth) * columnStep : 0);
  const out = isByteImage(image) ? takeBytes(data.length) : new Float32Array(data.length);
  let at = 0;
  for (let y = 0; y < outHeight; y++) {
    let pixel = (start + y * rowStep) * channels;
    for (let x = 0; x < outWidth; x++, pixel += columnStep * channels) {
      for (let c = 0; c < channels; c++) out[at++] = data[pixel + c] as number;
    }
  }
  return withPixels(image, out, outWidth, outHeight);
}
