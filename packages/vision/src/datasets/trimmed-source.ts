import { functional, recycle } from "@classifier-training/image";
import type { ImageSource, SourceSpec } from "./source.ts";

/** Pictures without the bars of one colour along their edges. */
export interface TrimmedSpec {
  readonly kind: "trimmed";
  readonly of: SourceSpec;
}

export function trimmedSource(inner: ImageSource): ImageSource {
  return {
    nameOf: (index) => inner.nameOf(index),
    // Where the bars are is seen in the whole picture only, so that no region can be asked for.
    async read(index) {
      const image = await inner.read(index);
      const trimmed = functional.trimBars(image);
      if (trimmed !== image) recycle(image.data);
      return trimmed;
    },
  };
}
