import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { CheckpointSource, PlainValue } from "@classifier-training/lightning";

/** A checkpoint file to upload. */
export interface FreshCheckpoint {
  readonly path: string;
  /** `best` as well, when it is. */
  readonly aliases: readonly string[];
  /** Lightning's metadata of the artifact. */
  readonly metadata: Readonly<Record<string, PlainValue>>;
}

/** Remembers which checkpoints were uploaded, by path and modification time, since file names are reused. */
export class CheckpointScan {
  readonly #times = new Map<string, number>();

  /** The callback's checkpoints that are new or have changed, oldest first. */
  fresh(callback: CheckpointSource): FreshCheckpoint[] {
    const {
      bestModelPath,
      bestModelScore = null,
      lastModelPath,
      monitor = null,
      mode = null,
      saveTopK = null,
    } = callback;
    const scores = callback.bestKModels ?? {};
    const kept = new Map<string, number | null>(
      scores instanceof Map ? scores : Object.entries(scores as Readonly<Record<string, number>>),
    );
    if (bestModelPath !== "") kept.set(bestModelPath, bestModelScore);
    if (lastModelPath) kept.set(lastModelPath, kept.get(lastModelPath) ?? null);
    const changed = [...kept].flatMap(([path, score]) => {
      if (!existsSync(path)) return [];
      const time = statSync(path).mtimeMs;
      if (this.#times.get(path) === time) return [];
      this.#times.set(path, time);
      return [{ path, score, time }];
    });
    changed.sort((a, b) => a.time - b.time);
    return changed.map(({ path, score }) => ({
      path,
      aliases: path === bestModelPath ? ["latest", "best"] : ["latest"],
      metadata: { score, original_filename: basename(path), ModelCheckpoint: { monitor, mode, save_top_k: saveTopK } },
    }));
  }
}

/** When a checkpoint is uploaded by Lightning's `log_model`: as soon as it is saved, at the end, or never. */
export function keepsCheckpoint(logModel: boolean | "all", { saveTopK }: CheckpointSource): "now" | "later" | "never" {
  if (logModel === "all") return "now";
  return logModel ? (saveTopK === -1 ? "now" : "later") : "never";
}
