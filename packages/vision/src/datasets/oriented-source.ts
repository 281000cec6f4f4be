import { functional, type Orientation, recycle } from "@classifier-training/image";
import type { ImageSource, SourceSpec } from "./source.ts";

/** Pictures that do not all lie upright. All threads share the orientations, so that they may be found in training. */
export interface OrientedSpec {
  readonly kind: "oriented";
  readonly of: SourceSpec;
  /** How each picture lies, as EXIF numbers it. */
  readonly orientations: Uint8Array<SharedArrayBuffer>;
}

/** Reads every picture upright. */
export function orientedSource({ orientations }: OrientedSpec, inner: ImageSource): ImageSource {
  return {
    nameOf: (index) => inner.nameOf(index),
    async read(index, regionOf) {
      const orientation = orientations[index] as Orientation;
      if (orientation === 1) return inner.read(index, regionOf);
      const image = await inner.read(index);
      const turned = functional.upright(image, orientation);
      recycle(image.data);
      return turned;
    },
  };
}
