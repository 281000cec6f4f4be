import { displayPath, plural } from "@classifier-training/base";
import { describeMeanInterval, describeSpread, percent } from "@classifier-training/runs";
import type { SeedSpread } from "../training/seed-runs.ts";

/** What trainings with different seeds reached, for people. */
export function describeSeeds({ name, images, runs, spread }: SeedSpread): string {
  return [
    `${name} of ${runs.length} trainings that differ in their seeds, on ${plural(images, "image")}`,
    "",
    ...runs.map(({ dir, value }) => `${percent(value).padStart(6)}  ${displayPath(dir)}`),
    "",
    describeSpread(spread),
    describeMeanInterval(spread),
    "",
  ].join("\n");
}
