import { ModelError } from "./errors.ts";

/** Sides of images, in pixels, that patches of a size divide, the nearest on both sides of `imageSize`. */
function sizesThatWork(imageSize: number, patchSize: number): string {
  const below = Math.floor(imageSize / patchSize) * patchSize;
  return below === 0 ? String(patchSize) : `${below} or ${below + patchSize}`;
}

/** @throws ModelError when a square image of that side is not made of whole patches. */
export function checkPatches(imageSize: number, patchSize: number): void {
  if (imageSize % patchSize === 0) return;
  throw new ModelError({
    code: "models/image-size",
    what: `imageSize: expected a multiple of the patch size ${patchSize}, received ${imageSize}`,
    fix: `use ${sizesThatWork(imageSize, patchSize)}`,
  });
}

/** @throws ModelError when images have another size than the model's position embedding. */
export function checkImages(
  [height, width]: readonly [number, number],
  { imageSize, patchSize }: { readonly imageSize: number; readonly patchSize: number },
): void {
  if (height === imageSize && width === imageSize) return;
  const fits = height === width && height % patchSize === 0;
  throw new ModelError({
    code: "models/image-size",
    what: `expected images of ${imageSize}x${imageSize}, received ${height}x${width}`,
    fix: `resize the images${fits ? `, or build the model with imageSize: ${height}` : ""}`,
  });
}
