import type { ProgressListener } from "./progress.ts";

export interface DownloadOptions {
  /** The file's SHA-256, or its first digits. Without it, the one that the server states is checked, if it states one. */
  readonly sha256?: string | undefined;
  /** The file's size in bytes, where it is known: a server that has another file is refused before it sends it. */
  readonly bytes?: number | undefined;
  /** Free bytes that the disk must have for each byte of the file, what is unpacked from it included; default 1. */
  readonly spaceFactor?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What to do where the server refuses this user (401, 403). */
  readonly accountFix?: string | undefined;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Attempts in a row that bring no byte before giving up; default 5. */
  readonly attempts?: number | undefined;
  /** First wait between attempts, doubled each time up to 30 s; default 1000 ms. `Retry-After` goes before it. */
  readonly backoffMs?: number | undefined;
  /** A connection that is silent for so long is dropped and resumed; default 30 s. */
  readonly stallMs?: number | undefined;
}
