import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { sections } from "../conformance/run.ts";
import { readRecorded } from "../conformance/section.ts";
import { decodeImage } from "../src/index.ts";

vi.setConfig({ testTimeout: 60_000 });

const golden = fileURLToPath(new URL("fixtures/golden", import.meta.url));
const counts: Record<string, number> = { "transforms.json": 289, "transforms_distributions.json": 86 };

test.each(sections)(
  "$file: what torchvision and Pillow were recorded to do",
  async ({ file, run }) => {
    const results = await run(readRecorded(golden, file), golden);
    expect(results.filter(({ failure }) => failure !== undefined)).toEqual([]);
    expect(results).toHaveLength(counts[file] as number);
  },
  120_000,
);

test.each(["crop0", "crop1", "crop2"])("%s.jpg decodes to the pixels that libjpeg-turbo makes of it", async (name) => {
  const [jpeg, png] = await Promise.all(
    ["jpg", "png"].map((kind) => decodeImage(readFileSync(join(golden, "png", `${name}.${kind}`)))),
  );
  expect(jpeg).toEqual(png);
});
