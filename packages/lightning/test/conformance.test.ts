import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkpointsConformance } from "../conformance/checkpoints.ts";
import { hooksConformance } from "../conformance/hooks.ts";
import { resumeConformance } from "../conformance/resume.ts";

const golden = fileURLToPath(new URL("../../../../shared/golden", import.meta.url));

test.skipIf(!existsSync(golden)).each([
  ["what is saved and survives", checkpointsConformance, 4],
  ["the order of hooks", hooksConformance, 1],
  ["what ckptPath resumes", resumeConformance, 1],
])("%s is as Lightning's recordings have it, but for the deviations listed", async (_what, conformance, sections) => {
  const results = await conformance(golden);
  expect(results).toHaveLength(sections);
  expect(results.flatMap(({ failures }) => failures)).toEqual([]);
});
