import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { checkClipping } from "../conformance/clipping.ts";
import { checkLosses } from "../conformance/losses.ts";
import { checkOptimizers } from "../conformance/optimizers.ts";
import { checkSchedulers } from "../conformance/schedulers.ts";

// The ResNets of the recordings take half a minute: `npm run conformance` runs them too.
const golden = new URL("../../../../shared/golden/", import.meta.url);
const read = (name: string) => JSON.parse(readFileSync(new URL(name, golden), "utf8"));
const isAbsent = !existsSync(golden);

test.skipIf(isAbsent)("losses, optimizers and clipping do what the recordings of PyTorch say", () => {
  const { losses, optimizers, clip_grad_norm } = read("numerics.json");
  for (const section of [checkLosses(losses), checkOptimizers(optimizers), checkClipping(clip_grad_norm)]) {
    expect(section.failures).toEqual([]);
    expect(section.passed).toBeGreaterThan(0);
  }
});

test.skipIf(isAbsent)("schedules do what the recordings of PyTorch say", () => {
  const section = checkSchedulers(read("schedulers.json"));
  expect(section.failures).toEqual([]);
  expect(section.passed).toBeGreaterThan(0);
});
