import { existsSync } from "node:fs";
import { join } from "node:path";
import { CtError } from "@classifier-training/base";
import { loadCheckpoint } from "@classifier-training/lightning";

/**
 * The best checkpoint of a folder, as the checkpoint callback remembered it in `last.ckpt`; `last.ckpt` itself when it
 * remembers none. @throws CtError when the folder has no checkpoint
 */
export function bestCheckpointIn(folder: string): string {
  const last = join(folder, "last.ckpt");
  if (!existsSync(last)) {
    throw new CtError({
      code: "classifier/no-checkpoint",
      what: "there is no checkpoint to evaluate",
      where: last,
      fix: "train first, or give one with --ckpt PATH",
    });
  }
  for (const state of Object.values(loadCheckpoint(last).callbacks ?? {})) {
    const best = state["bestModelPath"];
    if (typeof best === "string" && best !== "" && existsSync(best)) return best;
  }
  return last;
}
