import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { CtError } from "@classifier-training/base";
import { zipSync } from "fflate";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { byteImage, type Classifier, OnnxClassifier } from "../src/inference/index.ts";
import { openClassifier } from "../src/inference/open-classifier.ts";
import { type TinyModel, tinyLabels, writeTinyModel } from "./tiny-model.ts";

let dir = "";
let tiny: TinyModel;
let classifier: Classifier;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "inference-"));
  tiny = await writeTinyModel(dir);
  classifier = await OnnxClassifier.load(tiny.bundle);
});
afterAll(async () => {
  await classifier.close();
  rmSync(dir, { recursive: true, force: true });
});

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    (value) => value,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CtError);
  return (error as CtError).message;
}

const bytes = () => readFileSync(tiny.image);
const pixels = byteImage(new Uint8Array(3), 1, 1);

test.each<[string, () => readonly unknown[], string]>([
  ["a buffer without brackets", () => [bytes()], "expected an array of images, received Uint8Array"],
  ["a path without brackets", () => [tiny.image], "expected an array of images, received string"],
  ["nothing", () => [], "expected an array of images, received undefined"],
  ["null", () => [null], "expected an array of images, received Null"],
  ["a number among images", () => [[tiny.image, 7]], "images[1]: expected a path, the bytes of a file"],
  ["floats among images", () => [[new Float32Array(4)]], "images[0]: expected a path, the bytes of a file"],
  ["too few pixels", () => [[{ ...pixels, data: new Uint8Array(2) }]], "fix: make an image of pixels with byteImage"],
  ["a promise of an image", () => [[Promise.resolve(bytes())]], "received Promise"],
  ["topK: -1", () => [[bytes()], { topK: -1 }], "options: topK: expected number >= 1, received -1"],
  ["topK: 1.5", () => [[bytes()], { topK: 1.5 }], "options: topK: expected integer, received 1.5"],
  ["topK as text", () => [[bytes()], { topK: "3" }], 'options: topK: expected number, received "3"'],
  ["batchSize: 0", () => [[bytes()], { batchSize: 0 }], "options: batchSize: expected number >= 1, received 0"],
  ["batchSize: NaN", () => [[bytes()], { batchSize: Number.NaN }], "options: batchSize: expected number, received NaN"],
  ["an unknown option", () => [[bytes()], { topk: 3 }], "options: unknown option 'topk'"],
  ["options: null", () => [[bytes()], null], "options: expected object, received null"],
  ["an empty file", () => [[bytes(), new Uint8Array(0)]], "images[1] cannot be decoded: the file is empty"],
  ["a damaged file", () => [[bytes().subarray(0, 60)]], "images[0] cannot be decoded"],
  ["not an image", () => [[Buffer.from("hello")]], "it is not an image of a known format"],
  ["a missing file", () => [["/nowhere.png"]], "the image /nowhere.png does not exist"],
  ["a folder", () => [[dir]], "cannot be read: expected a file, found a folder"],
])("predict refuses %s with one error, and works afterwards", async (_what, args, message) => {
  const predict = classifier.predict.bind(classifier) as (...values: readonly unknown[]) => Promise<unknown>;
  expect(await failure(predict(...args()))).toContain(message);
  expect(await classifier.predict([bytes()])).toHaveLength(1);
});

test("a named pipe in place of an image, a model or labels is refused, not waited for", async () => {
  const pipe = (name: string) => {
    execFileSync("mkfifo", [join(dir, name)]);
    return join(dir, name);
  };
  expect(await failure(classifier.predict([pipe("pipe.png")]))).toContain("found a named pipe (FIFO)");
  const labelsPath = pipe("labels.json");
  expect(await failure(OnnxClassifier.load(tiny.bundle, { labelsPath }))).toContain("found a named pipe (FIFO)");
  for (const name of ["pipe.onnx", "pipe.zip", "pipe.ckpt"]) await failure(openClassifier(pipe(name)));
});

test.each<[string, readonly unknown[], string]>([
  ["no path", [], "path: expected string, received nothing"],
  ["an empty path", [""], "path: expected string of at least 1 character, received"],
  ["a missing model", ["/nowhere"], "the exported model is missing"],
  ["a folder without a model", [tmpdir()], "the exported model is missing"],
  ["threads: 0", ["/nowhere", { threads: 0 }], "options: threads: expected number >= 1, received 0"],
  ["an unknown option", ["/nowhere", { labels: "x" }], "options: unknown option 'labels'"],
])("load refuses %s with one error", async (_what, args, message) => {
  const load = OnnxClassifier.load as (...values: readonly unknown[]) => Promise<unknown>;
  expect(await failure(load(...args))).toContain(message);
});

test("pixels are classified as the file that they come from", async () => {
  const { data, info } = await sharp(tiny.image).raw().toBuffer({ resolveWithObject: true });
  const given = byteImage(data, info.width, info.height);
  expect(await classifier.logits([given])).toEqual(await classifier.logits([tiny.image]));
});

test("bytes of another realm are bytes", async () => {
  const foreign = runInNewContext("Uint8Array.from(values)", { values: [...bytes()] }) as Uint8Array;
  expect(await classifier.predict([foreign])).toEqual(await classifier.predict([bytes()]));
});

test.each(["bundle", "checkpoint"] as const)(
  "close waits for pending predictions; later ones are refused (%s)",
  async (form) => {
    const model = await openClassifier(tiny[form]);
    const many = Array.from({ length: 9 }, bytes);
    const running = [model.predict(many, { batchSize: 2 }), model.predict(many, { batchSize: 4 })];
    const closing = [model.close(), model.close()];
    for (const rows of await Promise.all(running)) expect(rows).toHaveLength(9);
    await Promise.all(closing);
    expect(await failure(model.predict([bytes()]))).toContain("the classifier was closed");
  },
);

/** A folder with the exported model, and other labels. */
function withLabels(labels: unknown): string {
  const folder = mkdtempSync(join(dir, "labels-"));
  copyFileSync(join(tiny.exported, "model.onnx"), join(folder, "model.onnx"));
  writeFileSync(join(folder, "labels_mapping.json"), typeof labels === "string" ? labels : JSON.stringify(labels));
  return folder;
}

const labels = tinyLabels();
test.each<[string, unknown, string]>([
  ["no JSON", "{", "the labels mapping is not JSON"],
  ["a list", [], "expected object, received []"],
  ["more classes than names", { ...labels, num_classes: 3 }, "expected 3 classes (num_classes), received 2"],
  ["a billion classes", { ...labels, num_classes: 1e9 }, "num_classes: expected number <="],
  ["an index twice", { ...labels, class_to_idx: { a: 0, b: 0 } }, "two classes have the same index"],
  ["an index too high", { ...labels, class_to_idx: { a: 0, b: 4294967294 } }, "no class has the index 1"],
  ["a fraction", { ...labels, class_to_idx: { a: 0, b: 0.5 } }, "class_to_idx: expected an object with values as"],
  [
    "tables that disagree",
    { ...labels, idx_to_class: { 0: "b", 1: "a" } },
    'class 0 is "b" here and "a" in class_to_idx',
  ],
  [
    "classes of another model",
    tinyLabels(["a", "b", "c"]),
    "expected an output float32 [N, 3], received float32 [batch, 2]",
  ],
  [
    "another size",
    { ...labels, preprocessing: { ...labels.preprocessing, input_height: 8 } },
    "expected an input float32 [N, 3, 8, 16], received float32 [batch, 3, 16, 16]",
  ],
  [
    "transforms of another size",
    { ...labels, preprocessing: { ...labels.preprocessing, transform: { transform: "ToFloat32Tensor", options: {} } } },
    "received 20x20",
  ],
])("labels with %s are refused with one error", async (_what, given, message) => {
  const use = async () => (await OnnxClassifier.load(withLabels(given))).predict([bytes()]);
  expect(await failure(use())).toContain(message);
});

test("a class may be called as an object's own properties are", async () => {
  const names = ["__proto__", "constructor"];
  const model = await OnnxClassifier.load(withLabels(tinyLabels(names)));
  const [guesses = []] = await model.predict([bytes()]);
  expect(guesses.map(({ label }) => label).sort()).toEqual(names);
  await model.close();
});

test("an archive that would grow beyond the limit is refused before it is unpacked", async () => {
  const path = join(dir, "bomb.zip");
  const zeros = new Uint8Array(100 * 2 ** 20);
  writeFileSync(path, zipSync({ "model.onnx": zeros, "labels_mapping.json": new Uint8Array(2) }));
  expect(await failure(OnnxClassifier.load(path))).toContain("expected at most");
});

test("a damaged model, and a file that is not a model, are refused with one error", async () => {
  const folder = withLabels(labels);
  for (const content of [
    Buffer.alloc(0),
    Buffer.from("hello"),
    readFileSync(join(folder, "model.onnx")).subarray(0, 9999),
  ]) {
    writeFileSync(join(folder, "model.onnx"), content);
    expect(await failure(OnnxClassifier.load(folder))).toContain("ONNX Runtime cannot load the model");
  }
  rmSync(join(folder, "model.onnx"));
  mkdirSync(join(folder, "model.onnx"));
  expect(await failure(OnnxClassifier.load(folder))).toContain("the exported model is missing");
});

test("ONNX Runtime's telemetry is off", () => {
  expect(process.env["ORT_DISABLE_TELEMETRY"]).toBe("1");
});
