import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkpointExtension, readSplitRecord, runPaths, type SplitRecord } from "@classifier-training/runs";
import { runOfCheckpoint } from "./checkpoints.ts";

/** The split that a run has recorded, whose directory, checkpoint or exported model is given; undefined where there is none. */
export function recordedSplitOf(model: string): SplitRecord | undefined {
  const dir = runOf(model);
  const path = dir === undefined ? undefined : join(dir, runPaths.split);
  return path !== undefined && existsSync(path) ? readSplitRecord(path) : undefined;
}

/** Those of several models, as far as they have one. */
export function recordedSplitsOf(models: readonly string[]): SplitRecord[] {
  return models.flatMap((model) => recordedSplitOf(model) ?? []);
}

function runOf(model: string): string | undefined {
  const stat = statSync(model, { throwIfNoEntry: false });
  if (stat === undefined || stat.isDirectory()) return model;
  return model.endsWith(checkpointExtension) ? runOfCheckpoint(model) : dirname(model);
}
