import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quick } from "./cli.ts";
import { inProcess } from "./in-process.ts";

// A training, and the thread that makes its plots.
vi.setConfig({ testTimeout: 60_000 });

const dir = mkdtempSync(join(tmpdir(), "normalization-"));
const colors = { a: [200, 40, 90], b: [30, 160, 220] } as const;

beforeAll(async () => {
  for (const [label, [r, g, b]] of Object.entries(colors))
    for (const [split, count] of [
      ["train", 4],
      ["valid", 2],
      ["test", 2],
    ] as const) {
      mkdirSync(join(dir, "data", split, label), { recursive: true });
      for (let i = 0; i < count; i++) {
        const image = sharp({ create: { width: 40, height: 40, channels: 3, background: { r, g, b } } });
        await image.png().toFile(join(dir, "data", split, label, `${i}.png`));
      }
    }
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The colors at the centers of the tiles of a grid of four. */
async function tileColors(path: string): Promise<number[][]> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const centers = [0, 1].flatMap((row) => [0, 1].map((column) => [144 + column * 264, 190 + row * 328] as const));
  return centers.map(([x, y]) => [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)]);
}

const normalize = (mean: string, std: string) =>
  [`mean=${mean}`, `std=${std}`].map((value) => `transforms.val_transforms.transforms.3.${value}`);
const overrides = [
  ...quick,
  "transforms=default",
  "model.width=8",
  "model.stem=small",
  "data.batch_size=4",
  "trainer.max_epochs=1",
  "callbacks.onnx_export=null",
  ...normalize("[0.1,0.2,0.3]", "[3,0.5,0.02]"),
];

test("sample grids undo the run's own normalization, which labels_mapping.json names", async () => {
  const { code, text } = await inProcess(["train", ...overrides, "hydra.run.dir=run"], dir);
  expect(code, text.slice(-2000)).toBe(0);
  const expected = [colors.a, colors.a, colors.b, colors.b];
  const near = (color: readonly number[]) => color.map((value) => expect.closeTo(value, -0.7));
  expect(await tileColors(join(dir, "run/epoch_000/sample_predictions.png"))).toEqual(expected.map(near));
  const { normalization } = JSON.parse(readFileSync(join(dir, "run/labels_mapping.json"), "utf8"));
  expect(normalization).toEqual({ mean: [0.1, 0.2, 0.3], std: [3, 0.5, 0.02] });

  const tested = await inProcess(
    ["test", "run", "hydra.run.dir=tested", ...normalize("[0.5,0.5,0.5]", "[0.5,0.5,0.5]")],
    dir,
  );
  expect(tested.code, tested.text.slice(-2000)).toBe(0);
  expect(await tileColors(join(dir, "tested/test/sample_predictions.png"))).toEqual(expected.map(near));
});
