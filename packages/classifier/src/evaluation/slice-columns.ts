import { CtError, suggestion } from "@classifier-training/base";
import { decodeImage, readImage } from "@classifier-training/image";
import { metadataColumns, metadataValue } from "@classifier-training/vision";
import type { LabeledFile } from "./predict-split.ts";

/** What is known of every image file. */
const sizes = ["height", "width"] as const;

/**
 * The values by which images are sliced.
 * @param keys `height` and `width` (in pixels, as the model sees the image lie), or columns of the metadata
 * @returns of each image its values, by key
 * @throws CtError for a column that no image has
 */
export async function sliceColumns(
  images: readonly LabeledFile[],
  keys: readonly string[],
  exifOrientation: boolean | undefined,
  onProgress?: (done: number, total: number) => void,
): Promise<Record<string, string>[]> {
  const isSize = (key: string): key is (typeof sizes)[number] => sizes.some((size) => size === key);
  const values = images.map((): Record<string, string> => ({}));
  for (const key of keys.filter((one) => !isSize(one))) {
    for (const [i, { metadata }] of images.entries()) {
      const value = metadataValue(metadata, key);
      if (value !== undefined) (values[i] as Record<string, string>)[key] = value;
    }
    if (values.some((row) => key in row)) continue;
    const columns = [...sizes, ...metadataColumns(images.map(({ metadata }) => metadata))];
    throw new CtError({
      code: "evaluate/slices",
      what: `no image has '${key}' in its metadata`,
      where: "--slices",
      fix: suggestion(key, columns),
    });
  }
  const measured = sizes.filter((size) => keys.includes(size));
  if (measured.length === 0) return values;
  for (const [i, { path, read }] of images.entries()) {
    const options = { name: path, exifOrientation };
    const image = read === undefined ? await readImage(path, options) : await decodeImage(await read(), options);
    for (const size of measured) (values[i] as Record<string, string>)[size] = String(image[size]);
    onProgress?.(i + 1, images.length);
  }
  return values;
}
