import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportOnnx } from "@classifier-training/onnx";
import { readLabelsMapping } from "@classifier-training/runs";
import { manualSeed, randn, serialization, zeros } from "@classifier-training/torch";
import { createModel } from "@classifier-training/vision";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { inProcess } from "./in-process.ts";
import { paintFolders } from "./painted-images.ts";

vi.setConfig({ testTimeout: 300_000 });

const coral = new URL("../../../../shared/weights/coral", import.meta.url).pathname;
const normalization = { mean: [0.5, 0.4, 0.3], std: [0.25, 0.25, 0.5] } as const;

let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "model file a b ü-"));
  await paintFolders(join(dir, "photos"), { rot: ["red", 8], grün: ["green", 8] });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A network of the zoo as a file that says how its images are normalized. */
function writeNetwork(name: string, path: string, metadata: Record<string, string> = {}): void {
  manualSeed(1);
  const network = createModel(name, name === "resnet18" ? { numClasses: 7, width: 8 } : { numClasses: 7 });
  const said = Object.fromEntries(Object.entries(normalization).map(([key, value]) => [key, JSON.stringify(value)]));
  exportOnnx(network.eval(), randn([1, 3, 40, 40]), { path, metadata: { ...said, ...metadata } });
}

const quick = ["data.batch_size=4", "data.num_workers=0", "trainer.precision=32-true", "logging=none"];
const trained = (path: string, ...more: readonly string[]) => [
  ...["train", "photos", "model=file", `model.path=${path}`, "trainer.max_epochs=1", ...quick, ...more],
];

function runIn(folder: string): string {
  const [day = ""] = readdirSync(join(folder, "outputs"));
  return join(
    "outputs",
    day,
    readdirSync(join(folder, "outputs", day))
      .sort()
      .at(-1) ?? "",
  );
}

test("a network of a file is trained, and its checkpoints need the file no more", async () => {
  writeNetwork("resnet18", join(dir, "net ü.onnx"));
  const first = await inProcess(trained("'net ü.onnx'"), dir);
  expect(first.code, first.text).toBe(0);
  expect(first.text).toContain("net ü.onnx (ONNX): 64 features, a new head for fc/Gemm; stages: stem, layer1");
  expect(first.text).toContain("images are normalized for the model file: mean [0.5, 0.4, 0.3]");
  const run = runIn(dir);
  const mapping = readLabelsMapping(join(dir, run, "labels_mapping.json"));
  expect(mapping.normalization).toEqual(normalization);
  expect(mapping.preprocessing).toMatchObject({ input_height: 40, input_width: 40 });

  renameSync(join(dir, "net ü.onnx"), join(dir, "elsewhere.onnx"));
  for (const model of [run, "checkpoints/photos/last.ckpt"]) {
    const { code, text } = await inProcess(["predict", model, "photos/rot/0.jpg"], dir);
    expect(code, text).toBe(0);
  }
  const exported = await inProcess(["export", run, "--data", "photos", "--out", "bundle"], dir);
  expect(exported.code, exported.text).toBe(0);
  expect(exported.text).toMatch(/logits differ from LibTorch's by at most \d\.\de-[5-9]/);

  const resumed = await inProcess(trained("'net ü.onnx'", "trainer.max_epochs=2"), dir);
  expect(resumed.code, resumed.text).toBe(0);
  expect(resumed.text).toContain("net ü.onnx is gone: its network is taken from checkpoints/photos/");
  expect(resumed.text).toContain("Epoch 2/2");
  expect(resumed.text).not.toContain("Epoch 1/2");
  const anew = await inProcess(trained("'net ü.onnx'", "resume=false"), dir);
  expect(anew.code).toBe(1);
  expect(anew.text).toContain("net ü.onnx is gone, and there is no training of it to resume");
});

test("freezing and layer-wise rates go by the stages of the network; a named head cuts it earlier", async () => {
  writeNetwork("mobilenet_v2", join(dir, "net.onnx"));
  const options = ["model.freeze=2", "model.layer_decay=0.5", "model.head=/features.18.0/Conv"];
  const found = await inProcess(["model", "inspect", "net.onnx", "--json"], dir);
  const { layers, stages } = JSON.parse(found.stdout);
  expect(stages).toEqual(["stage1", "stage2", "stage3", "stage4", "stage5"]);
  const last = layers.filter(({ kind }: { kind: string }) => kind === "Conv2d").at(-1).name;
  const { code, text } = await inProcess(
    trained("net.onnx", ...options.map((one) => one.replace(/=\/.*/, `=${last}/Conv`))),
    dir,
  );
  expect(code, text).toBe(0);
  expect(text).toContain("320 features");
});

test("what cannot be trained is a sentence with a fix", async () => {
  writeNetwork("resnet18", join(dir, "net.onnx"));
  writeFileSync(join(dir, "page.onnx"), "<!doctype html><html>log in</html>");
  writeFileSync(join(dir, "noise.onnx"), Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 37) % 256)));
  serialization.saveSafetensors(join(dir, "other.safetensors"), new Map([["a.weight", zeros([3, 4])]]));
  const cases: readonly (readonly [words: readonly string[], message: RegExp])[] = [
    [["model.path=net.onx"], /there is no model file 'net\.onx'[\s\S]*fix: did you mean 'net\.onnx'/],
    [["model.path=page.onnx"], /it is a web page/],
    [["model.path=noise.onnx"], /not an ONNX model/],
    [["model.path=other.safetensors"], /of no network of the model zoo[\s\S]*fix: export the network as ONNX/],
    [
      ["model.path=npm:no-such-package-of-ours/a.onnx"],
      /the package no-such-package-of-ours is not installed[\s\S]*fix: npm i/,
    ],
    [
      ["model.path=net.onnx", "model.head=fc"],
      /the file has no node 'fc'[\s\S]*fix: choose one of the last layers: .*fc\/Gemm/,
    ],
    [["model.path=net.onnx", "model.stochastic_depth=0.1"], /net\.onnx has no stochastic_depth/],
    [["model.path=net.onnx", "model.preprocessing=imagnet"], /model\.preprocessing|preprocessing: expected/],
    [["model.path=net.onnx", "model.weights=net.onnx"], /both `model\.path` and `model\.weights`/],
    [[], /model\.path/],
  ];
  for (const [words, message] of cases) {
    const { code, stderr, text } = await inProcess(["train", "photos", "model=file", ...words, ...quick], dir);
    expect(code, text).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at .*:\d+/);
  }
  expect(existsSync(join(dir, "checkpoints/photos/last.ckpt"))).toBe(false);
});

test("a model file is converted, checked against its source, and never replaces another one unasked", async () => {
  manualSeed(2);
  const network = createModel("mobilenet_v3_small", { numClasses: 5 }).eval();
  serialization.saveSafetensors(join(dir, "net.safetensors"), network.stateDict());
  for (const [from, to, says] of [
    ["net.safetensors", "net.onnx", /ONNX Runtime's logits differ from LibTorch's by at most/],
    ["net.onnx", "again.safetensors", /mobilenet_v3_small: logits differ from those of the file by at most/],
    ["net.onnx", "again.onnx", /ONNX Runtime's outputs for an image differ/],
  ] as const) {
    const { code, text } = await inProcess(["model", "convert", from, to], dir);
    expect(code, text).toBe(0);
    expect(text).toMatch(says);
  }
  const back = serialization.loadSafetensors(join(dir, "again.safetensors")).tensors;
  for (const [name, tensor] of network.stateDict())
    if (!name.endsWith("num_batches_tracked")) expect(back.get(name)?.equal(tensor), name).toBe(true);
  const before = readFileSync(join(dir, "again.onnx"));
  const refused = await inProcess(["model", "convert", "net.safetensors", "again.onnx"], dir);
  expect(refused.code).toBe(1);
  expect(refused.text).toMatch(/the output exists already[\s\S]*fix: .*--force/);
  expect(readFileSync(join(dir, "again.onnx")).equals(before)).toBe(true);
  expect((await inProcess(["model", "convert", "net.safetensors", "again.onnx", "--force"], dir)).code).toBe(0);
  expect(readdirSync(dir).filter((name) => name.includes("tmp"))).toEqual([]);
});

test("MobileNetV2 of TensorFlow Lite is trained by its file alone", async ({ skip }) => {
  skip(!existsSync(coral), "no ../shared/weights");
  mkdirSync(join(dir, "models"));
  copyFileSync(join(coral, "mobilenet_v1_0.25_128_quant.tflite"), join(dir, "models/net.tflite"));
  const { code, text } = await inProcess(trained("models/net.tflite"), dir);
  expect(code, text).toBe(0);
  expect(text).toContain("(TensorFlow Lite): 256 features");
  const converted = await inProcess(["model", "convert", "models/net.tflite", "net.onnx"], dir);
  expect(converted.code, converted.text).toBe(0);
  const found = await inProcess(["model", "inspect", "net.onnx"], dir);
  expect(found.text).toMatch(/mean \[0\.502, [\s\S]* \(from the file's\s+metadata\)\nlabels +1,001: background; tench/);
  const mapping = readLabelsMapping(join(dir, runIn(dir), "labels_mapping.json"));
  expect(mapping.normalization).toMatchObject({ mean: [expect.closeTo(0.5, 2), expect.anything(), expect.anything()] });
  expect(mapping.preprocessing).toMatchObject({ input_height: 128, input_width: 128 });
});
