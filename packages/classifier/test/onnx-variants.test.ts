import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quick } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 120_000 });

const dir = mkdtempSync(join(tmpdir(), "variants-"));
const colors = { blue: { r: 20, g: 40, b: 220 }, red: { r: 220, g: 40, b: 20 } };

beforeAll(async () => {
  for (const [label, background] of Object.entries(colors))
    for (const [split, count] of [
      ["train", 16],
      ["valid", 5],
    ] as const) {
      mkdirSync(join(dir, "data", split, label), { recursive: true });
      for (let i = 0; i < count; i++)
        await sharp({ create: { width: 32, height: 32, channels: 3, background } })
          .png()
          .toFile(join(dir, "data", split, label, `${i}.png`));
    }
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("smaller variants are exported, measured on validation, and classify like the model", async () => {
  const overrides = ["transforms=default", "model.width=32", "model.stem=small", "trainer.max_epochs=3"];
  const variants = ["callbacks.onnx_export.variants=[fp16,int8]", "hydra.run.dir=run"];
  const { code, text } = await inProcess(["train", ...quick, ...overrides, ...variants], dir);
  expect(code, text.slice(-3000)).toBe(0);

  const size = (name: string) => statSync(join(dir, "run", name)).size;
  expect(size("model_fp16.onnx") / size("model.onnx")).toBeCloseTo(1 / 2, 1);
  expect(size("model_int8.onnx") / size("model.onnx")).toBeCloseTo(1 / 4, 1);

  const said = readFileSync(join(dir, "run", "train.log"), "utf8");
  const whole = /model\.onnx: top-1 (\S+) \((\d+) of 10;/g;
  expect([...said.matchAll(whole)], said.slice(-3000)).toHaveLength(2);
  for (const variant of ["fp16", "int8"]) {
    // The same samples, in the same order, through both models.
    const line = new RegExp(
      `exported \\S+model_${variant}\\.onnx \\(.*\\): val top-1 (\\S+) \\((\\d+) of 10; .*model\\.onnx: top-1 (\\S+) \\((\\d+) of 10;.*no significant difference`,
    ).exec(said);
    expect(line, said.slice(-3000)).not.toBeNull();
    expect(line?.[2]).toBe(line?.[4]);
  }
});
