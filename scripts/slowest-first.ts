import { readFileSync, statSync } from "node:fs";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Starts the files first that say that they are slow, so that the last ones to run are short. */
export default class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const costs = new Map(files.map((file) => [file, costOf(file.moduleId)]));
    return [...files].sort((a, b) => (costs.get(b) ?? 0) - (costs.get(a) ?? 0));
  }
}

/** The time-out that a file gives its tests, in milliseconds; among equals, the longer file. */
function costOf(path: string): number {
  const [, timeout = "10_000"] = /testTimeout: ([\d_]+)/.exec(readFileSync(path, "utf8")) ?? [];
  return Number(timeout.replaceAll("_", "")) + statSync(path).size / 1e6;
}
