import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CtError, printable } from "@classifier-training/base";
import { verifyBundle } from "@classifier-training/inference";
import { bundlePaths, manifestHash, manifestHashKey, sha256 } from "@classifier-training/runs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { zipBundle } from "../src/bundle/create.ts";
import { openClassifier } from "../src/inference/open-classifier.ts";
import { inProcess } from "./in-process.ts";
import { type TinyModel, tinyLabels, writeTinyCheckpoint, writeTinyModel } from "./tiny-model.ts";

vi.setConfig({ testTimeout: 30_000 });

let dir = "";
let tiny: TinyModel;
let ran = "";

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "hostile-model-"));
  ran = join(dir, "the-authors-code-ran");
  tiny = await writeTinyModel(dir);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const evilModule = () =>
  `data:text/javascript,import{writeFileSync}from"node:fs";writeFileSync(${JSON.stringify(ran)},"");export const Evil={transformName:"Evil"}`;

/** Places in which a labels mapping can hold a transform. */
const places = {
  "at the top": (step: object) => step,
  "in a pipeline": (step: object) => ({ transform: "Compose", options: { transforms: [step] } }),
  "where a transform of this process would be": (step: object) => ({
    transform: "Compose",
    options: { transforms: [{ name: "Evil", run: "now", spec: step }] },
  }),
} as const;

function hostileLabels(place: keyof typeof places) {
  const labels = tinyLabels();
  const step = { transform: "Evil", module: evilModule(), options: {} };
  return { ...labels, preprocessing: { ...labels.preprocessing, transform: places[place](step) } };
}

async function failure(run: () => Promise<unknown>): Promise<CtError> {
  const error = await run().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CtError);
  expect(existsSync(ran)).toBe(false);
  return error as CtError;
}

/** Puts a labels mapping into the bundle, with hashes that fit: its author can write them. */
function rewriteLabels(labels: object): void {
  const file = join(tiny.bundle, "labels_mapping.json");
  writeFileSync(file, JSON.stringify(labels));
  const path = join(tiny.bundle, "bundle.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  manifest.files["labels_mapping.json"] = sha256(readFileSync(file));
  writeFileSync(path, JSON.stringify({ ...manifest, [manifestHashKey]: manifestHash(manifest) }));
}

test("a bundle of the first versions, which call an image a picture, is still verified", async () => {
  const path = join(tiny.bundle, bundlePaths.manifest);
  const written = readFileSync(path, "utf8");
  expect(written).toContain('"image":');
  const { [manifestHashKey]: _, ...manifest } = JSON.parse(written.replaceAll('"image":', '"picture":'));
  writeFileSync(path, JSON.stringify({ ...manifest, [manifestHashKey]: manifestHash(manifest) }));
  const { problems, largestDifference } = await verifyBundle(tiny.bundle);
  expect(problems).toEqual([]);
  expect(largestDifference).toBeLessThan(1e-3);
  writeFileSync(path, written);
});

test.each(Object.keys(places) as (keyof typeof places)[])("a transform's module %s is never loaded", async (place) => {
  rewriteLabels(hostileLabels(place));
  const zip = await zipBundle(tiny.bundle);
  for (const path of [tiny.bundle, zip]) {
    await failure(() => verifyBundle(path));
    await failure(() => openClassifier(path));
  }
  const checkpoint = join(dir, "hostile.ckpt");
  await writeTinyCheckpoint(checkpoint, { labels: hostileLabels(place) });
  await failure(() => openClassifier(checkpoint));
});

test("a checkpoint that describes a wider network than it holds is refused before memory is taken for it", async () => {
  const checkpoint = join(dir, "wide.ckpt");
  const options = { numClasses: 2, pretrained: false, stem: "small", width: 1_000_000 };
  await writeTinyCheckpoint(checkpoint, { options });
  const { message } = await failure(() => openClassifier(checkpoint));
  expect(message).toContain("a network of width 1000000, and its first convolution has 8 channels");
});

test("the command line refuses such a model in a sentence", async () => {
  rewriteLabels(hostileLabels("in a pipeline"));
  for (const args of [
    ["bundle", "verify", tiny.bundle],
    ["predict", tiny.bundle, tiny.image],
  ]) {
    const { code, stderr } = await inProcess(args, dir);
    expect(code, stderr).toBe(1);
    expect(stderr).toContain("'Evil' in a file refers to a module: only built-in and registered transforms are loaded");
    expect(existsSync(ran)).toBe(false);
  }
});

test("a custom transform is known by its name once its module is there", async () => {
  const labels = tinyLabels();
  const { preprocessing } = labels;
  const transforms = [{ transform: "Invert", options: {} }, preprocessing?.transform];
  const custom = {
    ...labels,
    preprocessing: { ...preprocessing, transform: { transform: "Compose", options: { transforms } } },
  };
  rewriteLabels(custom);
  expect((await failure(() => openClassifier(tiny.bundle))).message).toMatch(
    /unknown transform 'Invert'[\s\S]*--plugins FILE/,
  );
  const module = join(dir, "invert.ts");
  symlinkSync(fileURLToPath(new URL("../../../node_modules", import.meta.url)), join(dir, "node_modules"));
  writeFileSync(
    module,
    `import { defineTransform, z } from "classifier-training";
     export const Invert = defineTransform({
       name: "Invert", module: import.meta.url, options: z.strictObject({}), sample: () => true,
       apply: (image) => ({ ...image, data: image.data.map((value) => 255 - value) }),
     });`,
  );
  const { code, stdout, stderr } = await inProcess(["predict", tiny.bundle, tiny.image, "--plugins", module], dir);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("image.png");
});

test("names of classes and files cannot write to the terminal anything but text", async () => {
  const names = ["\u001b[31mred\u001b]0;owned\u0007", "\u202egreen"];
  rewriteLabels(tinyLabels(names));
  const image = join(dir, "\u001b[2Jimage.png");
  copyFileSync(tiny.image, image);
  const { code, stdout, stderr } = await inProcess(
    ["predict", tiny.bundle, image, join(dir, "\u001b[2Jnothing.png")],
    dir,
  );
  expect(code, stdout).toBe(1);
  expect(stderr).toContain("nothing.png");
  const shown = await inProcess(["predict", tiny.bundle, image], dir);
  expect(shown.stdout).toMatch(/image\.png {2}.*red .*%/);
  for (const text of [stdout, stderr, shown.stdout, shown.stderr]) expect(printable(text)).toBe(text);
  const json = await inProcess(["predict", tiny.bundle, image, "--json"], dir);
  expect(printable(json.stdout)).toBe(json.stdout);
  const { predictions } = JSON.parse(json.stdout) as { predictions: { label: string }[] };
  expect(predictions.map(({ label }) => label).sort()).toEqual([...names].sort());
});
