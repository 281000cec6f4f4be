import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { temporaryPath, writeFileAtomic } from "@classifier-training/base";
import { drawingVersion, type SynthRequest, writeSynthetic } from "./dataset.ts";

/** What the demo draws; part of the key that says whether a folder on disk is still the wanted one. */
const recipe = {
  version: drawingVersion,
  labels: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "23", "30", "42", "77"],
  perLabel: { train: 200, valid: 25, test: 10 },
  size: 64,
  strength: 0.3,
} as const;

const splits = ["train", "valid", "test"] as const;

/**
 * Draws the demo's data set, a few thousand jersey numbers in 16 classes, unless the folder already holds it.
 *
 * @returns the number of pictures that were drawn: 0 when all were there
 */
export async function ensureDemoData(
  root: string,
  seed: number,
  onProgress?: (done: number, total: number) => void,
): Promise<number> {
  const key = createHash("sha256").update(JSON.stringify({ recipe, seed })).digest("hex");
  const stamp = join(root, ".synthetic-key");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === key) return 0;
  const unfinished = temporaryPath(join(root, "splits"));
  const total = recipe.labels.length * splits.reduce((sum, split) => sum + recipe.perLabel[split], 0);
  let before = 0;
  for (const split of splits) {
    const requests: SynthRequest[] = [];
    for (let i = 0; i < recipe.perLabel[split]; i++) for (const label of recipe.labels) requests.push({ label });
    const done = before;
    await writeSynthetic(requests, {
      folder: join(unfinished, split),
      seed,
      stream: `demo/${split}`,
      size: recipe.size,
      strength: recipe.strength,
      onProgress: (drawn) => onProgress?.(done + drawn, total),
    });
    before += requests.length;
  }
  rmSync(stamp, { force: true });
  for (const split of splits) {
    rmSync(join(root, split), { recursive: true, force: true });
    renameSync(join(unfinished, split), join(root, split));
  }
  rmSync(unfinished, { recursive: true, force: true });
  writeFileAtomic(stamp, key);
  return total;
}
