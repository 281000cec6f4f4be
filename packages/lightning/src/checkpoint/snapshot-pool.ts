import { sharedMemory } from "@classifier-training/torch";
import type { SnapshotBuffer } from "./snapshot.ts";

/** Snapshots that may wait to be written: with more, training waits. */
const maxSnapshots = 2;

/** The memory of snapshots. It is used again and again: the first use of fresh memory costs more than the copy. */
export class SnapshotPool {
  readonly #free: SnapshotBuffer[] = [];
  #inUse = 0;
  #waiting: (() => void)[] = [];

  /** Memory for a snapshot; waits while too many are still to be written. */
  async acquire(bytes: number): Promise<SnapshotBuffer> {
    while (this.#inUse >= maxSnapshots) await new Promise<void>((release) => this.#waiting.push(release));
    this.#inUse++;
    const index = this.#free.findIndex(({ data }) => data.byteLength >= bytes);
    const [buffer] = index < 0 ? [] : this.#free.splice(index, 1);
    if (buffer !== undefined) return buffer;
    // What lies about is too small for this run's checkpoints.
    this.#free.length = 0;
    return { data: sharedMemory(Math.max(8, bytes)), users: 0 };
  }

  /** Takes a buffer back that was given free a moment ago. @returns false when it is gone */
  reclaim(buffer: SnapshotBuffer): boolean {
    if (buffer.users > 0) return true;
    const index = this.#free.indexOf(buffer);
    if (index < 0) return false;
    this.#free.splice(index, 1);
    this.#inUse++;
    return true;
  }

  /** A file is written: with the last one of a buffer, that is free. */
  release(buffer: SnapshotBuffer): void {
    if (--buffer.users > 0) return;
    this.#free.push(buffer);
    this.#inUse--;
    this.#waiting.shift()?.();
  }

  /** Makes memory for the snapshots to come. @returns what is to be touched; undefined when there is some already */
  prepare(bytes: number): SharedArrayBuffer | undefined {
    if (this.#inUse > 0 || this.#free.some(({ data }) => data.byteLength >= bytes)) return undefined;
    this.#free.length = 0;
    const data = sharedMemory(bytes);
    this.#free.push({ data, users: 0 });
    return data;
  }

  clear(): void {
    this.#free.length = 0;
  }
}
