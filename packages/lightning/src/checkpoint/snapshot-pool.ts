import { sharedMemory } from "@classifier-training/torch";
import type { SnapshotBuffer } from "./snapshot.ts";

/** Snapshots that may wait to be written: with more, training waits. */
const maxSnapshots = 2;

/** Reuses the memory of snapshots: the first use of fresh memory costs more than the copy. */
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
    // The free buffers are too small for this run's checkpoints.
    this.#free.length = 0;
    return { data: sharedMemory(Math.max(8, bytes)), users: 0 };
  }

  /** Takes a released buffer back into use. @returns false when it has been given to another snapshot */
  reclaim(buffer: SnapshotBuffer): boolean {
    if (buffer.users > 0) return true;
    const index = this.#free.indexOf(buffer);
    if (index < 0) return false;
    this.#free.splice(index, 1);
    this.#inUse++;
    return true;
  }

  /** One file of a buffer is written; after the last one it is free. */
  release(buffer: SnapshotBuffer): void {
    if (--buffer.users > 0) return;
    this.#free.push(buffer);
    this.#inUse--;
    this.#waiting.shift()?.();
  }

  /** Makes memory for the snapshots to come. @returns the memory to touch; undefined when there is enough already */
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
