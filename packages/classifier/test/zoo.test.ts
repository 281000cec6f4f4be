import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { create, type DictConfig, instantiate } from "@classifier-training/hydra";
import type { Classifier } from "@classifier-training/inference";
import { CheckpointIO } from "@classifier-training/lightning";
import { checkOnnx, exportOnnx } from "@classifier-training/onnx";
import {
  emptyCache,
  manualSeed,
  type nn,
  noGrad,
  type optim,
  randn,
  scope,
  type Tensor,
  tensor,
} from "@classifier-training/torch";
import { type ImageModel, listModels, modelDefinition } from "@classifier-training/vision";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from "vitest";
import { validationPipeline } from "../../image/test/recipes.ts";
import { hashInput } from "../../vision/test/hash-fill.ts";
import { modelConformance } from "../../vision/test/model-conformance.ts";
import {
  checkInitialization,
  checkNewHead,
  checkNumbers,
  checkState,
  recordedModels,
} from "../../vision/test/recorded-models.ts";
import { createBundle } from "../src/bundle/create.ts";
import { exportCheckpoint } from "../src/bundle/export-checkpoint.ts";
import { labelsMappingOf } from "../src/data/preprocessing.ts";
import { configFolders } from "../src/extensions.ts";
import { CheckpointClassifier } from "../src/inference/checkpoint-classifier.ts";
import { openClassifier } from "../src/inference/open-classifier.ts";
import type { ClassificationModel } from "../src/model/classification-model.ts";
import { recipeOptions } from "../src/model/options.ts";
import { registerAll } from "../src/registry.ts";
import { buildModel } from "../src/training/components.ts";
import { composed } from "./compose.ts";

vi.setConfig({ testTimeout: 300_000 });

let dir = "";
let image = "";
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "a b ü "));
  image = join(dir, "image.png");
  const pixels = Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * 7) % 256);
  await sharp(pixels, { raw: { width: 40, height: 30, channels: 3 } }).toFile(image);
  await registerAll();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What the data says: three classes, and images of a side. */
const data = (imageSize: number, numClasses = 3) => ({ numClasses, imageSize, task: "multiclass" as const });

/** The smallest images that are whole patches, and give each layer of a convolutional network something. */
function sizeOf(name: string): number {
  const { patchSize } = modelDefinition(name);
  return patchSize === undefined ? 32 : 2 * patchSize;
}

const modelOf = (name: string, imageSize: number, overrides: readonly string[] = []) =>
  buildModel(composed("train_photos", [`model=${name}`, "model.pretrained=false", ...overrides]), data(imageSize));

/** Those that extensions add have tests of their own. */
const zoo = listModels().filter((name) => modelDefinition(name).library !== "own");

test("each network of the zoo has a file of its name, and each file is of one", () => {
  const folders = configFolders().map((folder) => join(folder, "model"));
  const files = folders.flatMap((folder) => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  });
  const names = files.map((file) => file.replace(".yaml", "")).filter((name) => name !== "base" && name !== "file");
  expect(names.sort()).toEqual([...zoo].sort());
});

test("the table of the documentation says of each network what its definition does", () => {
  const text = readFileSync(new URL("../../../docs/networks.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| `\w+` +\| [\d.]+ M .*$/gm)].map(([row]) =>
    row.split("|").map((cell) => cell.trim()),
  );
  const expected = zoo.map(modelDefinition).map(({ name, parameters, weights, minSize }) => {
    const { top1, preprocessing } = weights.at(-1) ?? {};
    return [name, (parameters / 1e6).toFixed(1), top1?.toFixed(1) ?? "-", preprocessing?.crop, minSize].join(" ");
  });
  expect(
    rows.map(([, name = "", count = "", top1, input = "", , smallest = ""]) =>
      [name.slice(1, -1), count.slice(0, -2), top1, input.slice(0, -3), smallest.slice(0, -3)].join(" "),
    ),
  ).toEqual(expected);
});

/** The others are longer or wider copies of these: every kind of layer is in one of them. */
const isTrained = (name: string) =>
  modelDefinition(name).parameters < 12e6 ||
  ["resnet50", "efficientnet_v2_s", "convnext_tiny", "swin_t"].includes(name);
function skipLarge({ skip }: TestContext, isLarge: boolean): void {
  const all = process.env["CLASSIFIER_ALL_MODELS"] === "1";
  skip(isLarge && !all, "larger copies of other networks: CLASSIFIER_ALL_MODELS=1 runs them, which takes minutes");
}

test("torchvision or timm has been recorded for every network", () => {
  expect(Object.keys(recordedModels)).toEqual(zoo);
});

describe.each(zoo)("%s", (name) => {
  const { library, patchSize } = modelDefinition(name);

  test("has its original's state dict, initialization, logits and gradients, and ONNX Runtime has them too", async (context) => {
    const { size = 0, gradNorms = [] } = recordedModels[name] ?? {};
    manualSeed(1);
    const target = { _target_: `${library}.models.${name}`, num_classes: 10 };
    const model = (await instantiate({ ...target, ...(patchSize && { image_size: size }) })) as ImageModel;
    try {
      checkState(name, model);
      skipLarge(context, gradNorms.length === 0 || name === "wide_resnet50_2");
      checkInitialization(name, model);
      checkNumbers(name, model);
      using input = hashInput([1, 3, size, size]);
      const exported = exportOnnx(model, input, { outputNames: ["logits"] });
      expect(exported.outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["batch", 10] }]);
      const { maxAbsDiff } = await checkOnnx(exported.bytes, input, model, { atol: 1e-4, rtol: 1e-5 });
      expect(maxAbsDiff).toBeLessThan(1e-4);
      checkNewHead(model, input);
    } finally {
      dispose(model);
    }
  });

  test("trains two steps, opens again without a configuration, and predicts through its bundle", async (context) => {
    skipLarge(context, !isTrained(name));
    manualSeed(1);
    const size = sizeOf(name);
    const model = await modelOf(name, size);
    expect(model.network).toBe(name);
    using images = randn([2, 3, size, size]);
    const head = `model.${(model.model as ImageModel).headPath}.weight`;
    const before = model.stateDict().get(head)?.clone() as Tensor;
    model.train();
    const losses = await twoSteps(model, images);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(model.stateDict().get(head)?.equal(before)).toBe(false);
    before.dispose();

    const folder = join(dir, name);
    const path = join(folder, "last.ckpt");
    mkdirSync(folder);
    await save(model, path, size);
    const { opened } = await exportCheckpoint(path, folder);
    model.eval();
    const logits = (of: ClassificationModel) => noGrad(() => scope(() => of.call(images).tolist()));
    expect(opened.model.network).toBe(name);
    expect(logits(opened.model)).toEqual(logits(model));
    await createBundle(join(folder, "bundle"), {
      modelPath: join(folder, "model.onnx"),
      labelsPath: join(folder, "labels_mapping.json"),
      golden: [{ path: image, label: "a" }],
    });
    const bundled = await predict(openClassifier(join(folder, "bundle")));
    const checkpoint = await predict(CheckpointClassifier.load(opened));
    expect(bundled).toHaveLength(3);
    for (const [i, value] of bundled.entries()) expect(value).toBeCloseTo(checkpoint[i] as number, 3);
    for (const of of [model, opened.model]) dispose(of);
    rmSync(folder, { recursive: true });
  });
});

function dispose(model: nn.Module): void {
  model.zeroGrad();
  for (const entry of [...model.parameters(), ...model.buffers()]) entry.dispose();
  emptyCache();
}

async function predict(opening: Promise<Classifier>): Promise<number[]> {
  const classifier = await opening;
  const [logits = []] = await classifier.logits([image]);
  await classifier.close();
  return [...logits];
}

test("a network does what one of a project has to do", () => {
  modelConformance("mobilenet_v3_small", {}, 64);
  modelConformance("vit_tiny_patch16_224", { imageSize: 32 }, 32);
});

async function twoSteps(model: ClassificationModel, images: Tensor): Promise<number[]> {
  const { optimizer } = (await model.configureOptimizers()) as { optimizer: optim.Optimizer };
  return [0, 1].map(() =>
    scope(() => {
      optimizer.zeroGrad();
      const loss = model.loss(model.call(images), tensor([0, 2], { dtype: "int64" }));
      loss.backward();
      optimizer.step();
      return loss.item();
    }),
  );
}

async function save(model: ClassificationModel, path: string, size: number): Promise<void> {
  const labels = labelsMappingOf(["a", "b", "c"], validationPipeline({ imageSize: size }), size);
  const io = new CheckpointIO({ asynchronous: false });
  const at = { epoch: 0, globalStep: 2, runId: "zoo" };
  const classifier = { backbone: model.network, options: recipeOptions(model.options), labels };
  await io.save({
    path,
    checkpoint: { ...at, stateDict: model.stateDict(), classifier },
    summary: { ...at, created: new Date(0).toISOString(), model: "x", weightsOnly: true, metrics: {} },
    replaces: [],
  });
  await io.close();
}

/** A model mapping in a configuration that has nothing else. */
const ofYaml = (model: string, imageSize = 32, numClasses = 3) =>
  buildModel(create(`model: ${model}`) as DictConfig, data(imageSize, numClasses));

/** The spellings of torchvision, timm and lightning-hydra-template. */
test.each([
  ["{_target_: torchvision.models.mobilenet_v2}", "mobilenet_v2"],
  [
    "{_target_: torchvision.models.mobilenetv3.mobilenet_v3_small, weights: null, num_classes: 3}",
    "mobilenet_v3_small",
  ],
  ["{_target_: torchvision.models.get_model, name: resnet18, learning_rate: 0.01}", "resnet18"],
  [
    "{_target_: timm.create_model, model_name: regnety_004.tv2_in1k, pretrained: false, drop_rate: 0.1}",
    "regnet_y_400mf",
  ],
  ["{_target_: timm.create_model, model_name: vit_tiny_patch16_224.augreg_in21k_ft_in1k}", "vit_tiny_patch16_224"],
  ["{_target_: timm.create_model, model_name: mobilenetv2_100, num_classes: 3, in_chans: 3}", "mobilenet_v2"],
  [
    "{_target_: classifier_training.models.ClassificationModel, net: {_target_: torchvision.models.resnet18, num_classes: 3}, optimizer: {_target_: torch.optim.Adam, _partial_: true, lr: 0.001}, compile: false}",
    "resnet18",
  ],
])("model: %s is %s", async (model, network) => {
  const built = await ofYaml(model);
  expect([built.network, built.numClasses]).toEqual([network, 3]);
  using images = randn([1, 3, 32, 32]);
  expect(noGrad(() => built.eval().call(images)).shape).toEqual([1, 3]);
});

test("dropout and stochastic depth reach the network, under timm's names too", async () => {
  const { options, model } = await modelOf("regnet_y_400mf", 32, ["+model.drop_rate=0.3", "+model.drop_path_rate=0.2"]);
  expect(options).toMatchObject({ dropout: 0.3, stochasticDepth: 0.2 });
  const last = [...model.namedModules()].findLast(([name]) => name.endsWith("stochasticDepth"))?.[1];
  expect(last).toMatchObject({ p: 0.2 });
});

test.each([
  [
    ["model=vit_tiny_patch16_224"],
    100,
    "images for vit_tiny_patch16_224: expected a multiple of 16 px, the side of its patches, received 100 px",
    "data.image_size=96 or data.image_size=112",
  ],
  [
    ["model=vit_small_patch14_dinov2"],
    224 + 1,
    "expected a multiple of 14 px",
    "data.image_size=224 or data.image_size=238",
  ],
  [["model=densenet121"], 20, "images for densenet121: expected at least 29 px, received 20 px", "data.image_size=29"],
  [["model=resnet18", "+model.dropot=0.1"], 32, "unknown option 'dropot'", "did you mean 'dropout'?"],
  [["model=mobilenet_v2", "model.stochastic_depth=0.1"], 32, "mobilenet_v2 has no stochastic_depth", "it has dropout"],
  [["model=efficientnet_b0", "model.stem=small"], 32, "efficientnet_b0 has no stem", "leave it out"],
  [["model=base", "model.network=resnet81"], 32, "unknown model 'resnet81'", "did you mean 'resnet18'?"],
])("%s with images of %s px is refused: %s", async (overrides, size, what, fix) => {
  const config = composed("train_photos", ["model.pretrained=false", ...overrides]);
  const error = await buildModel(config, data(size)).catch((failure: unknown) => failure as Error);
  expect(String(error)).toContain(what);
  expect(String(error)).toContain(fix);
});

test.each([
  ["{_target_: torchvision.models.resnet18, num_classes: 10}", "model.num_classes is 10, but the data has 3 classes"],
  ["{_target_: timm.create_model, model_name: resnet18, features_only: true}", "option 'features_only' cannot be true"],
  ["{_target_: timm.create_model, model_name: resnet81}", "did you mean 'resnet18'?"],
  ["{_target_: torchvision.models.swin_t, drop_out: 0.1}", "unknown option 'drop_out'"],
  [
    "{_target_: src.models.module.LitModule, net: {_target_: torchvision.models.resnet18}}",
    "model._target_=classifier_training.models.ClassificationModel trains torchvision.models.resnet18",
  ],
])("model: %s is refused: %s", async (model, message) => {
  await expect(ofYaml(model)).rejects.toThrow(message);
});

test.each([2, 2000])("a network has %s classes if the data has", async (classes) => {
  const built = await ofYaml("{_target_: torchvision.models.mobilenet_v2}", 32, classes);
  using images = randn([1, 3, 32, 32]);
  expect(noGrad(() => built.eval().call(images)).shape).toEqual([1, classes]);
});
