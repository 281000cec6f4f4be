import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describedBeside, describedByMetadata } from "./preprocessing.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "model a b ü-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const written = (name: string, value: unknown) => writeFileSync(join(dir, name), JSON.stringify(value));

test("transformers: normalization and size of preprocessor_config.json, classes of config.json, one folder up too", () => {
  written("preprocessor_config.json", {
    ...{ do_normalize: true, image_mean: [0.5, 0.4, 0.3], image_std: [0.2, 0.2, 0.2] },
    ...{ size: { shortest_edge: 256 }, crop_size: { height: 224, width: 192 } },
  });
  written("config.json", { id2label: { 0: "cat", 1: "dog" }, model_type: "vit" });
  mkdirSync(join(dir, "onnx"));
  for (const path of [join(dir, "model.onnx"), join(dir, "onnx/model.onnx")]) {
    const [first, second] = describedBeside(path);
    expect(first?.preprocessing).toMatchObject({
      mean: [0.5, 0.4, 0.3],
      std: [0.2, 0.2, 0.2],
      height: 224,
      width: 192,
    });
    expect(second?.labels).toEqual(["cat", "dog"]);
  }
});

test("transformers without normalization: 0..1, and 0..255 where nothing is rescaled", () => {
  written("preprocessor_config.json", { do_normalize: false, size: 96 });
  expect(describedBeside(join(dir, "a"))[0]?.preprocessing).toMatchObject({
    mean: [0, 0, 0],
    std: [1, 1, 1],
    height: 96,
  });
  written("preprocessor_config.json", { do_rescale: false, do_normalize: false });
  expect(describedBeside(join(dir, "a"))[0]?.preprocessing?.std?.[0]).toBeCloseTo(1 / 255);
});

test("timm: pretrained_cfg", () => {
  written("config.json", {
    pretrained_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], input_size: [3, 160, 128] },
  });
  expect(describedBeside(join(dir, "a"))[0]?.preprocessing).toMatchObject({
    mean: [0.5, 0.5, 0.5],
    height: 160,
    width: 128,
  });
});

test("a config.json of something else says nothing, a damaged one is an error", () => {
  written("config.json", { name: "app", size: "large" });
  expect(describedBeside(join(dir, "a"))).toEqual([]);
  writeFileSync(join(dir, "config.json"), "{");
  expect(() => describedBeside(join(dir, "a"))).toThrow("not JSON");
});

test("metadata of ONNX files: JSON, ONNX's own keys, Ultralytics", () => {
  expect(describedByMetadata({ mean: "[0.1, 0.2, 0.3]", std: "1" })?.preprocessing).toMatchObject({
    ...{ mean: [0.1, 0.2, 0.3], std: [1, 1, 1] },
  });
  const windows = { "Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "Normalized_1_1" };
  expect(describedByMetadata(windows)?.preprocessing).toMatchObject({ colorOrder: "BGR", mean: [0.5, 0.5, 0.5] });
  const yolo = describedByMetadata({ imgsz: "[64, 96]", names: "{0: 'tench', 1: \"lion's mane\"}" });
  expect(yolo).toMatchObject({
    preprocessing: { std: [1, 1, 1], height: 64, width: 96 },
    labels: ["tench", "lion's mane"],
  });
  expect(describedByMetadata({ author: "x", names: "many" })).toBeUndefined();
});
