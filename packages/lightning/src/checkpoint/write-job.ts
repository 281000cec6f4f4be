import { createHash, type Hash } from "node:crypto";
import { type WriteMode, writeCheckpointFile } from "./write-file.ts";

/** A checkpoint ready to be written: its bytes are a snapshot, so training can change the weights meanwhile. */
export interface WriteJob {
  readonly path: string;
  /** The header, with zeros where the digests go. */
  readonly head: Uint8Array;
  /** Where in the header the SHA-256 of the weights and of the file go. */
  readonly digestOffsets: { readonly weights: number; readonly file: number };
  readonly data: SharedArrayBuffer;
  readonly dataBytes: number;
  /** Where in the data the weights lie. */
  readonly weights: readonly (readonly [begin: number, end: number])[];
  readonly mode: WriteMode;
}

/** Makes the digests and the file. */
export function runWriteJob({ path, head, digestOffsets, data, dataBytes, weights, mode }: WriteJob): void {
  const bytes = new Uint8Array(data, 0, dataBytes);
  const write = (digest: Hash, offset: number) => head.set(Buffer.from(digest.digest("hex")), offset);
  const ofWeights = createHash("sha256");
  for (const [begin, end] of weights) ofWeights.update(bytes.subarray(begin, end));
  write(ofWeights, digestOffsets.weights);
  write(createHash("sha256").update(head).update(bytes), digestOffsets.file);
  writeCheckpointFile(path, [head, bytes], mode);
}

const pageBytes = 4096;

/**
 * Has the system provide the memory's pages, without a change to what is in it: a snapshot may be taken into it at the
 * same time by another thread, hence the atomic operation.
 */
export function touchPages(memory: SharedArrayBuffer): void {
  const bytes = new Uint8Array(memory);
  for (let at = 0; at < bytes.length; at += pageBytes) Atomics.or(bytes, at, 0);
}
