import { copyFileSync, existsSync, lstatSync, rmSync, symlinkSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import type { Worker } from "node:worker_threads";
import { getLogger, spawnWorker } from "@classifier-training/base";
import { serialization, type Tensor } from "@classifier-training/torch";
import type { Checkpoint } from "./checkpoint.ts";
import { type CheckpointSummary, digestKey, formatName, formatVersion, isWeight, weightsDigestKey } from "./format.ts";
import { refuseIncompleteRanks } from "./rank-state.ts";
import { fill, holds, type Layout, type Snapshot, type SnapshotBuffer } from "./snapshot.ts";
import { SnapshotPool } from "./snapshot-pool.ts";
import { removeCheckpointFile, type WriteMode } from "./write-file.ts";
import { runWriteJob, type WriteJob } from "./write-job.ts";

const log = getLogger("lightning.checkpoint");

export interface SaveRequest {
  readonly path: string;
  readonly checkpoint: Checkpoint;
  readonly summary: CheckpointSummary;
  /** Removed once this one is on disk. */
  readonly replaces: readonly string[];
  readonly onDone?: ((error: unknown) => void) | undefined;
  /** No tensor has changed since the previous save. */
  readonly sameTensors?: boolean | undefined;
  /** More entries of the file's metadata. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * Writes and removes checkpoints, in the order asked for. A save takes a snapshot at once and is written by a worker
 * thread; a failed one is reported, and what it would have replaced stays.
 */
export class CheckpointIO {
  readonly #asynchronous: boolean;
  readonly #mode: WriteMode;
  #worker: Worker | undefined;
  #queue: Promise<void> = Promise.resolve();
  readonly #pending = new Map<string, number>();
  readonly #memory = new SnapshotPool();
  /** The last snapshot, for as long as another file may be made of it. */
  #latest: Snapshot | undefined;

  /** How often tensors were copied; files that share a snapshot count once. */
  snapshotsTaken = 0;

  constructor(options: { readonly asynchronous?: boolean; readonly mode?: WriteMode } = {}) {
    this.#asynchronous = options.asynchronous ?? true;
    this.#mode = options.mode ?? "auto";
  }

  /** Starts the worker thread, so that the first save need not wait for it. */
  warmUp(): void {
    if (this.#asynchronous) this.#worker ??= spawnWorker(new URL("./write-worker.ts", import.meta.url));
  }

  /** Allocates memory for snapshots of this size, in the worker thread: the first save then costs the copy only. */
  prepare(bytes: number): void {
    if (!this.#asynchronous) return;
    const memory = this.#memory.prepare(bytes);
    if (memory === undefined) return;
    this.warmUp();
    this.#worker?.postMessage({ touch: memory });
  }

  /**
   * Resolves when the snapshot is taken; the file is there when `onDone` was called, or after `flush`. A state that
   * cannot be saved is refused with a warning, before anything is written.
   */
  async save(request: SaveRequest): Promise<void> {
    const path = resolve(request.path);
    let contents: Contents;
    try {
      contents = contentsOf(request);
    } catch (error) {
      if (!(error instanceof serialization.SerializationError)) throw error;
      const { where, what } = error.problem;
      log.warning(`checkpoint not saved, training continues: ${path}: ${where}: ${what}`);
      request.onDone?.(error);
      return;
    }
    const { tensors, layout, dataBytes, head } = contents;
    const reused = request.sameTensors === true ? this.#reuse(tensors, layout) : undefined;
    const buffer = reused ?? (await this.#memory.acquire(dataBytes));
    if (reused === undefined) {
      this.#latest = { buffer, tensors, layout };
      fill(this.#latest);
      this.snapshotsTaken++;
      this.#forgetSoon(this.#latest);
    }
    buffer.users++;
    const weights = serialization.inByteOrder([...layout.values()]).filter(isWeight);
    const job: WriteJob = {
      path,
      head,
      digestOffsets: {
        weights: serialization.digestOffset(head, weightsDigestKey),
        file: serialization.digestOffset(head, digestKey),
      },
      data: buffer.data,
      dataBytes,
      weights: weights.map(({ begin, end }) => [begin, end] as const),
      mode: this.#mode,
    };
    this.#pending.set(path, (this.#pending.get(path) ?? 0) + 1);
    const finish = (error: unknown) => this.#finished(path, buffer, request, error);
    if (this.#asynchronous) this.#queue = this.#queue.then(() => this.#inWorker(job).then(finish));
    else {
      let failure: unknown;
      try {
        runWriteJob(job);
      } catch (error) {
        failure = error;
      }
      finish(failure);
    }
  }

  #finished(path: string, buffer: SnapshotBuffer, request: SaveRequest, error: unknown): void {
    const count = (this.#pending.get(path) ?? 1) - 1;
    if (count > 0) this.#pending.set(path, count);
    else this.#pending.delete(path);
    this.#memory.release(buffer);
    if (error !== undefined) {
      const reason = error instanceof Error ? error.message : String(error);
      log.error(`checkpoint not saved, training continues: ${path}: ${reason}`);
    } else {
      for (const old of request.replaces) this.#removeNow(old, path);
    }
    request.onDone?.(error);
  }

  #removeNow(old: string, current: string): void {
    if (resolve(old) === current) return;
    try {
      removeCheckpointFile(resolve(old), commonRoot(old, current));
    } catch (error) {
      log.warning(`checkpoint not removed: ${old}: ${(error as Error).message}`);
    }
  }

  /** The last snapshot's buffer, if it is a copy of these tensors. */
  #reuse(tensors: ReadonlyMap<string, Tensor>, layout: Layout): SnapshotBuffer | undefined {
    if (this.#latest === undefined || !holds(this.#latest, tensors, layout)) return undefined;
    const { buffer } = this.#latest;
    return this.#memory.reclaim(buffer) ? buffer : undefined;
  }

  /** Releases the tensors before the next save. */
  #forgetSoon(snapshot: Snapshot): void {
    setImmediate(() => {
      if (this.#latest === snapshot) this.#latest = undefined;
    });
  }

  #inWorker(job: WriteJob): Promise<unknown> {
    this.#worker ??= spawnWorker(new URL("./write-worker.ts", import.meta.url));
    const worker = this.#worker;
    return new Promise((done) => {
      const onMessage = (reply: { ok: boolean; message?: string; code?: string }) =>
        settle(reply.ok ? undefined : Object.assign(new TypeError(reply.message), { code: reply.code }));
      const onError = (error: unknown) => {
        this.#worker = undefined;
        settle(error);
      };
      const settle = (result: unknown) => {
        worker.off("message", onMessage);
        worker.off("error", onError);
        done(result);
      };
      worker.on("message", onMessage);
      worker.on("error", onError);
      worker.postMessage(job);
    });
  }

  /** Whether a file is there, or will be once it is written. */
  exists(path: string): boolean {
    return this.#pending.has(resolve(path)) || existsSync(path);
  }

  /** Removes a file, after the operations requested before. */
  remove(path: string, root: string): void {
    this.#queue = this.#queue.then(() => {
      try {
        removeCheckpointFile(resolve(path), resolve(root));
      } catch (error) {
        log.warning(`checkpoint not removed: ${path}: ${(error as Error).message}`);
      }
    });
  }

  /** Makes `linkPath` a link to a file (or a copy, where links cannot be made). */
  link(path: string, linkPath: string): void {
    this.#queue = this.#queue.then(() => {
      if (resolve(path) === resolve(linkPath) || !existsSync(path)) return;
      if (lstatSync(linkPath, { throwIfNoEntry: false }) !== undefined) rmSync(linkPath, { recursive: true });
      try {
        symlinkSync(relative(dirname(linkPath), path), linkPath);
      } catch {
        copyFileSync(path, linkPath);
      }
    });
  }

  /** Resolves when everything requested is on disk. */
  async flush(): Promise<void> {
    for (let last: Promise<void> | undefined; last !== this.#queue; ) {
      last = this.#queue;
      await last;
    }
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#worker?.terminate();
    this.#worker = undefined;
    this.#memory.clear();
  }
}

/** The contents of a checkpoint's file. */
interface Contents {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly layout: Layout;
  readonly dataBytes: number;
  readonly head: Uint8Array;
}

/** @throws SerializationError naming the path of what cannot be saved */
function contentsOf({ checkpoint, summary, metadata }: SaveRequest): Contents {
  refuseIncompleteRanks(checkpoint);
  const { tensors, json } = serialization.packTree(checkpoint, { weightsKey: "stateDict" });
  const entries = serialization.layOutTensors(tensors);
  const head = serialization.encodeHeader(entries, {
    ...metadata,
    [digestKey]: serialization.digestPlaceholder,
    [weightsDigestKey]: serialization.digestPlaceholder,
    format: formatName,
    format_version: String(formatVersion),
    summary: JSON.stringify({ ...summary, channelsLast: channelsLast(tensors) }),
    state: json,
  });
  const layout = new Map(entries.map((entry) => [entry.name, entry]));
  return { tensors, layout, dataBytes: entries.reduce((most, { end }) => Math.max(most, end), 0), head };
}

function channelsLast(tensors: ReadonlyMap<string, Tensor>): string[] {
  return [...tensors]
    .filter(([, tensor]) => tensor.ndim === 4 && !tensor.isContiguous() && tensor.isContiguous("channels_last"))
    .map(([name]) => name);
}

function commonRoot(a: string, b: string): string {
  const [left, right] = [dirname(resolve(a)).split("/"), dirname(resolve(b)).split("/")];
  let same = 0;
  while (same < left.length && left[same] === right[same]) same++;
  return left.slice(0, same).join("/") || "/";
}
