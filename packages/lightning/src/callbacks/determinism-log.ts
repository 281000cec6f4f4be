import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { getLogger, parseOptions } from "@classifier-training/base";
import { runPaths } from "@classifier-training/runs";
import { getRngState, type optim, Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import { LightningError } from "../utilities/errors.ts";
import {
  firstThreadDifference,
  type ThreadChange,
  type ThreadDifference,
  ThreadFollower,
  ThreadLog,
} from "./thread-log.ts";

const log = getLogger("lightning.determinism");

export const determinismLogOptionsSchema = z.strictObject({
  /** Optimizer steps between two lines. */
  everyNSteps: z.int().min(1).default(50),
  /** Where the lines go; by default `replay.jsonl` in the first logger's folder, or the trainer's root folder. */
  path: z.string().nullable().default(null),
  /** The log of a run that this one repeats: its numbers of compute threads are used, batch by batch. */
  threadsOf: z.string().nullable().default(null),
});

/** The state of a run at a step, as hashes: equal lines mean equal runs up to there. */
export interface DeterminismRecord {
  readonly step: number;
  readonly epoch: number;
  readonly batch: number;
  readonly weights: string;
  readonly optimizer: string;
  readonly rng: string;
  /** Numbers of compute threads that changed since the line before. */
  readonly threads?: readonly ThreadChange[];
}

/** Writes a hash of weights, optimizer and random state every so many steps, by which a run is shown to be reproducible. */
export class DeterminismLog extends Callback {
  readonly #options: z.infer<typeof determinismLogOptionsSchema>;
  #path: string | undefined;
  #bytes = 0;
  #lastStep = 0;
  readonly #threads = new ThreadLog();
  #follower: ThreadFollower | undefined;

  constructor(options: z.input<typeof determinismLogOptionsSchema> = {}) {
    super();
    this.#options = parseOptions("DeterminismLog", determinismLogOptionsSchema, options);
  }

  /** The name of earlier versions, under which checkpoints hold its state. */
  override get stateKey(): string {
    return "ReplayCertificate";
  }

  get path(): string | undefined {
    return this.#path;
  }

  override setup(trainer: TrainerView, _module: LightningModule, stage: TrainerFn): void {
    if (stage !== "fit" || !trainer.isGlobalZero) return;
    this.#path = this.#options.path ?? join(trainer.logger?.logDir ?? trainer.defaultRootDir, runPaths.determinismLog);
    mkdirSync(dirname(this.#path), { recursive: true });
  }

  override onTrainStart(): void {
    const { threadsOf } = this.#options;
    if (threadsOf !== null) this.#follower = new ThreadFollower(threadsIn(readDeterminismLog(threadsOf)));
    // Lines that a killed process wrote after the checkpoint are written again.
    const path = this.#path;
    if (path === undefined || !existsSync(path)) return;
    if (readFileSync(path).length > this.#bytes) truncateSync(path, this.#bytes);
  }

  override onTrainBatchStart(trainer: TrainerView, _module: LightningModule, _batch: unknown, batchIdx: number): void {
    this.#noteThreads(trainer.currentEpoch, batchIdx - 1);
  }

  override teardown(): void {
    this.#follower?.stop();
    this.#follower = undefined;
  }

  #noteThreads(epoch: number, batch: number): void {
    this.#follower?.apply(epoch, batch);
    this.#threads.note(epoch, batch);
  }

  override onTrainBatchEnd(trainer: TrainerView, module: LightningModule): void {
    this.#noteThreads(trainer.currentEpoch, trainer.batchIdx);
    const step = trainer.globalStep;
    if (this.#path === undefined || step === this.#lastStep || step % this.#options.everyNSteps !== 0) return;
    this.#lastStep = step;
    const line: DeterminismRecord = {
      step,
      epoch: trainer.currentEpoch,
      batch: trainer.batchIdx,
      weights: hashOfWeights(module),
      optimizer: hashOfOptimizers(trainer.optimizers),
      rng: hashOf([getRngState()]),
      threads: this.#threads.take(),
    };
    const text = `${JSON.stringify(line)}\n`;
    try {
      appendFileSync(this.#path, text);
      this.#bytes += Buffer.byteLength(text);
    } catch (error) {
      // A full disk must not end the training.
      log.warning(`${this.#path} ends at step ${step - 1}: ${(error as Error).message}`);
      this.#path = undefined;
    }
  }

  override stateDict(): Record<string, unknown> {
    return { bytes: this.#bytes, lastStep: this.#lastStep, threads: this.#threads.stateDict() };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#bytes = Number(state["bytes"] ?? 0);
    this.#lastStep = Number(state["lastStep"] ?? 0);
    this.#threads.loadStateDict((state["threads"] as Record<string, unknown> | undefined) ?? {});
  }
}

/** SHA-256 over names and bytes of the weights, cut to 32 digits. */
export function hashOfWeights(module: LightningModule): string {
  const entries = [...module.stateDict()];
  const digest = hashOf(entries.flat());
  for (const [, tensor] of entries) tensor.dispose();
  return digest;
}

export function hashOfOptimizers(optimizers: readonly optim.Optimizer[]): string {
  return hashOf(optimizers.map((optimizer) => optimizer.stateDict()));
}

function hashOf(value: unknown): string {
  const hash = createHash("sha256");
  const feed = (item: unknown): void => {
    if (item instanceof Tensor) {
      const { buffer, byteOffset, byteLength } = item.toTypedArray();
      hash.update(`${item.dtype}[${item.shape.join()}]`).update(new Uint8Array(buffer, byteOffset, byteLength));
    } else if (Array.isArray(item)) for (const one of item) feed(one);
    else if (item instanceof Map) feed([...item]);
    else if (typeof item === "object" && item !== null) feed(Object.entries(item));
    else hash.update(`${typeof item}:${String(item)};`);
  };
  feed(value);
  return hash.digest("hex").slice(0, 32);
}

/** The lines of a determinism log; one that was cut off by a crash is left out. */
export function readDeterminismLog(path: string): readonly DeterminismRecord[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as DeterminismRecord];
      } catch {
        return [];
      }
    });
}

/** All numbers of compute threads in the lines. */
function threadsIn(lines: readonly DeterminismRecord[]): ThreadChange[] {
  return lines.flatMap(({ threads = [] }) => threads);
}

export interface ReproducibilityCheck {
  readonly equal: boolean;
  /** Steps that both runs have a line for. */
  readonly compared: number;
  /** The first step that differs, and in what. */
  readonly firstDifference?: { readonly step: number; readonly parts: readonly ("weights" | "optimizer" | "rng")[] };
  /** Where the two used different numbers of compute threads before they differed: that alone explains it. */
  readonly threads?: ThreadDifference;
}

/** Compares two determinism logs step by step. */
export function compareDeterminismLogs(
  original: readonly DeterminismRecord[],
  again: readonly DeterminismRecord[],
): ReproducibilityCheck {
  const lines = new Map(original.map((line) => [line.step, line]));
  let compared = 0;
  for (const line of again) {
    const wanted = lines.get(line.step);
    if (wanted === undefined) continue;
    compared++;
    const parts = (["weights", "optimizer", "rng"] as const).filter((part) => line[part] !== wanted[part]);
    if (parts.length === 0) continue;
    const before = (lines: readonly DeterminismRecord[]) => threadsIn(lines.filter(({ step }) => step <= line.step));
    const threads = firstThreadDifference(before(original), before(again));
    return { equal: false, compared, firstDifference: { step: line.step, parts }, ...(threads && { threads }) };
  }
  return { equal: compared > 0, compared };
}

/**
 * Repeats a run, or a window of it, and compares it with the determinism log that it left.
 * @param path the run's `replay.jsonl`
 * @param repeat trains again and resolves with the path of the new log: from scratch, from a checkpoint (its
 *   window), or with a kill in between
 * @throws LightningError when the run has no determinism log, or the two have no step in common
 */
export async function checkReproducibility(path: string, repeat: () => Promise<string>): Promise<ReproducibilityCheck> {
  if (!existsSync(path)) {
    throw new LightningError({
      code: "replay/missing",
      what: "the run has no determinism log",
      where: path,
      fix: "train with the DeterminismLog callback",
    });
  }
  const original = readDeterminismLog(path);
  const check = compareDeterminismLogs(original, readDeterminismLog(await repeat()));
  if (check.compared > 0) return check;
  throw new LightningError({
    code: "replay/no-overlap",
    what: "the repeated part has no step in common with the log",
    where: path,
    fix: "repeat a longer window, with the same `everyNSteps`",
  });
}
