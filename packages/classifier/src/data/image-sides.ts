import { CtError } from "@classifier-training/base";
import { type ImageDataset, VisionError } from "@classifier-training/vision";

/** So many images stand for all of them. */
const looked = 15;

/** Median of the shorter sides of a few images, in pixels. @throws CtError where none of them can be decoded */
export async function medianSide(dataset: ImageDataset): Promise<number> {
  const count = Math.min(looked, dataset.length);
  const sides: number[] = [];
  let failure: CtError | undefined;
  for (let i = 0; i < count; i++) {
    try {
      const { image } = await dataset.get(Math.floor((i * dataset.length) / count));
      sides.push(Math.min(image.width, image.height));
    } catch (error) {
      if (!CtError.is(error)) throw error;
      failure = error;
    }
  }
  const median = sides.sort((a, b) => a - b)[Math.floor(sides.length / 2)];
  if (median !== undefined) return median;
  throw failure ?? new VisionError({ code: "vision/dataset", what: `${dataset.name} has no images` });
}
