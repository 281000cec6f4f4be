import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Whether a data set lists its pictures in `*.jsonl` files; otherwise they are in one folder a class. */
export function hasAnnotations(root: string): boolean {
  try {
    return (readdirSync(join(root, "train"), { recursive: true }) as string[]).some((name) => name.endsWith(".jsonl"));
  } catch {
    // The data set's own check says what is missing.
    return false;
  }
}
