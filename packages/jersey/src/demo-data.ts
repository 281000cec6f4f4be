import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { temporaryPath, writeFileAtomic } from "@classifier-training/base";
import { rendererVersion, type SynthRequest, writeSynthetic } from "./synthetic/write-synthetic.ts";

/** What the demo renders; part of the key that tells whether a folder on disk is current. */
const recipe = {
  version: rendererVersion,
  labels: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "23", "30", "42", "77"],
  perLabel: { train: 200, valid: 25, test: 10 },
  size: 64,
  strength: 0.3,
} as const;

const splits = ["train", "valid", "test"] as const;

/**
 * Renders the demo's dataset, a few thousand jersey numbers in 16 classes, unless the folder has it already.
 *
 * @returns the number of images that were rendered: 0 when the folder was complete
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
      onProgress: (rendered) => onProgress?.(done + rendered, total),
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
