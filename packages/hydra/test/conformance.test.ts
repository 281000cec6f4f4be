import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { handler as composing } from "../conformance/compose.ts";
import type { Corpus, Handler } from "../conformance/handler.ts";
import { handler as instantiation } from "../conformance/instantiate.ts";
import { handler as interpolation } from "../conformance/interpolation.ts";
import { handler as merging } from "../conformance/merge.ts";
import { handler as overriding } from "../conformance/overrides.ts";

vi.setConfig({ testTimeout: 300_000 });

const dir = join(import.meta.dirname, "../../../../shared/conformance/hydra");

beforeEach(({ skip }) => skip(!existsSync(dir), "the recordings of Python's Hydra are not in the repository"));

test.each([
  ["overrides", overriding],
  ["compose", composing],
  ["interpolation", interpolation],
  ["merge", merging],
  ["instantiate", instantiation],
])("behaves as recorded: %s", async (section, handler: Handler) => {
  const corpus = JSON.parse(readFileSync(join(dir, `${section}.json`), "utf8")) as Corpus;
  const failures: string[] = [];
  for (const testCase of corpus.cases) {
    const actual = (await handler.run(testCase, corpus)) as never;
    const expected = [testCase, { ...testCase, ...testCase.release }];
    if (expected.every((outcome) => handler.compare(outcome, actual) !== undefined)) failures.push(testCase.id);
  }
  expect(failures).toEqual([]);
  expect(corpus.cases.length).toBeGreaterThan(100);
});
