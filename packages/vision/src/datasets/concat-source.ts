import type { RegionOf } from "@classifier-training/image";
import type { ImageSource, SourceSpec } from "./source.ts";

/** Several sources, one after the other. */
export interface ConcatSpec {
  readonly kind: "concat";
  readonly parts: readonly { readonly of: SourceSpec; readonly length: number }[];
}

/** @param inner the opened parts of the spec, in its order */
export function concatSource({ parts }: ConcatSpec, inner: readonly ImageSource[]): ImageSource {
  const locate = (index: number): [source: ImageSource, index: number] => {
    let rest = index;
    let part = 0;
    while (part < parts.length - 1 && rest >= (parts[part]?.length ?? 0)) rest -= parts[part++]?.length ?? 0;
    return [inner[part] as ImageSource, rest];
  };
  return {
    read(index, regionOf?: RegionOf) {
      const [source, at] = locate(index);
      return source.read(at, regionOf);
    },
    nameOf(index) {
      const [source, at] = locate(index);
      return source.nameOf(at);
    },
  };
}
