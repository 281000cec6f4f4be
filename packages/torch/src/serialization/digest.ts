import { createHash, type Hash } from "node:crypto";

/** What stands in a header in place of a SHA-256 until it is known. */
export const digestPlaceholder = "0".repeat(64);

/** Where in a header the SHA-256 under a key of its metadata stands, in bytes; -1 where there is none. */
export function digestOffset(head: Uint8Array, key: string): number {
  const label = `"${key}":"`;
  const at = Buffer.from(head.buffer, head.byteOffset, head.byteLength).indexOf(label);
  return at < 0 ? -1 : at + label.length;
}

/** The SHA-256 of a file whose header holds it, with zeros in its own place: begun with the header, for the data to follow. */
export function beginDigest(head: Uint8Array, key: string): Hash {
  const at = digestOffset(head, key);
  const end = at + digestPlaceholder.length;
  return createHash("sha256").update(head.subarray(0, at)).update(digestPlaceholder).update(head.subarray(end));
}
