import { encodeHeader, type StoredTensor, seal } from "./format.ts";
import { type WriteMode, writeCheckpointFile } from "./write-file.ts";

/** A checkpoint ready to be written: its bytes are a snapshot, so training can change the weights meanwhile. */
export interface WriteJob {
  readonly path: string;
  readonly data: SharedArrayBuffer;
  readonly dataBytes: number;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly mode: WriteMode;
}

/** Makes the digests and the file. */
export function runWriteJob(job: WriteJob): void {
  const data = new Uint8Array(job.data, 0, job.dataBytes);
  const head = encodeHeader(job.tensors, job.metadata);
  const weights = [...job.tensors].filter(([name]) => !name.startsWith("@")).map(([, tensor]) => tensor);
  seal(head, data, weights);
  writeCheckpointFile(job.path, [head, data], job.mode);
}
