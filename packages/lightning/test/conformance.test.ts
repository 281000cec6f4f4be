import { fileURLToPath } from "node:url";
import { setLogSinks } from "@classifier-training/base";
import { beforeAll, expect, test, vi } from "vitest";
import { suites } from "../conformance/suites.ts";

vi.setConfig({ testTimeout: 60_000 });

const golden = fileURLToPath(new URL("./fixtures/golden", import.meta.url));

beforeAll(() => setLogSinks([]));

test.each(suites)(
  "%s: as Lightning's recordings have it, but for the deviations listed",
  { timeout: 120_000 },
  async (_topic, suite) => {
    const results = await suite(golden);
    expect(results).not.toEqual([]);
    for (const { total } of results) expect(total).toBeGreaterThan(0);
    expect(results.flatMap(({ failures }) => failures)).toEqual([]);
  },
);
