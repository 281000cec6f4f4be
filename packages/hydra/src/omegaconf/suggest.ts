import { nearestName } from "@classifier-training/base";
import { type Key, keyText } from "./node.ts";

/** `did you mean 'x'?` when one of the keys is near. */
export function didYouMean(key: Key, keys: Iterable<Key>): string | undefined {
  const near = nearestName(keyText(key), [...keys].map(keyText));
  return near === undefined ? undefined : `did you mean '${near}'?`;
}
