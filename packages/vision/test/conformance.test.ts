import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { readRecorded } from "../../image/conformance/section.ts";
import { resnetCases } from "../conformance/resnet.ts";

vi.setConfig({ testTimeout: 120_000 });

const golden = fileURLToPath(new URL("../../torch/test/fixtures/golden", import.meta.url));

test("resnet.json: what torchvision's ResNets were recorded to do", () => {
  const results = resnetCases(readRecorded(golden, "resnet.json"));
  expect(results.filter(({ failure }) => failure !== undefined)).toEqual([]);
  expect(results).toHaveLength(462);
}, 180_000);
