import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCheckpoint, ModelCheckpoint, Trainer } from "@classifier-training/lightning";
import { manualSeed, nn, type Tensor } from "@classifier-training/torch";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { validationPipeline } from "../../image/test/recipes.ts";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";
import { ClassificationModel } from "../src/model/classification-model.ts";
import { type ClassificationModelInput, classificationModelOptionsSchema } from "../src/model/options.ts";
import { buildBackbone } from "../src/model/recipe.ts";
import { inProcess } from "./in-process.ts";
import { paintFolders } from "./painted-images.ts";

vi.setConfig({ testTimeout: 120_000 });

const root = mkdtempSync(join(tmpdir(), "frozen features ü "));
beforeAll(async () => {
  process.env["XDG_CACHE_HOME"] = join(root, "cache");
  await paintFolders(join(root, "data", "train"), { red: ["red", 10], blue: ["blue", 9], green: ["green", 8] });
  await paintFolders(join(root, "data", "valid"), { red: ["red", 4], blue: ["blue", 4], green: ["green", 4] });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const small = {
  numClasses: 3,
  pretrained: false,
  stem: "small",
  width: 8,
  learningRate: 0.01,
  warmupEpochs: 0,
} as const;

function classifier(given: ClassificationModelInput, build?: (numClasses: number) => nn.Module): ClassificationModel {
  const options = classificationModelOptionsSchema.parse({ ...small, ...given });
  manualSeed(1);
  return new ClassificationModel(
    options,
    "resnet18",
    build ?? ((classes) => buildBackbone("resnet18", options, classes)),
  );
}

function data(): ImageFolderDataModule {
  const transform = validationPipeline({ imageSize: 16 });
  const transforms = { trainTransforms: transform, valTransforms: transform };
  return new ImageFolderDataModule({
    dataRoot: join(root, "data"),
    batchSize: 4,
    numWorkers: 0,
    imageSize: 16,
    ...transforms,
  });
}

async function fit(model: ClassificationModel, folder: string, maxEpochs = 3, ckptPath?: string): Promise<Trainer> {
  const callbacks = [new ModelCheckpoint({ dirpath: join(root, folder), saveLast: true, everyNEpochs: 1 })];
  const trainer = new Trainer({
    ...{ maxEpochs, callbacks, accelerator: "cpu", logger: false, defaultRootDir: root },
    ...{ enableProgressBar: false, enableModelSummary: false, numSanityValSteps: 1 },
  });
  await trainer.fit(model, { datamodule: data(), ...(ckptPath !== undefined && { ckptPath }) });
  return trainer;
}

const values = (tensor: Tensor) => Array.from(tensor.detach().toTypedArray() as Float32Array);
const head = (model: ClassificationModel) => values((model.head as nn.Linear).weight);

test("trains the head as freeze=all does without augmentation, and leaves the rest as it is", async () => {
  const [onFeatures, onImages] = [classifier({ freeze: "features" }), classifier({ freeze: "all" })];
  const before = new Map(
    [...onFeatures.model.stateDict()].map(([name, tensor]) => [name, tensor.toTypedArray().slice()]),
  );
  const [first, second] = [await fit(onFeatures, "features"), await fit(onImages, "images")];
  const [a, b] = [head(onFeatures), head(onImages)];
  expect(Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))))).toBeLessThan(1e-4);
  expect(first.callbackMetrics["val/loss"]).toBeCloseTo(second.callbackMetrics["val/loss"] as number, 4);
  for (const [name, tensor] of onFeatures.model.stateDict())
    expect([name, name.startsWith("fc.") || tensor.toTypedArray()]).toEqual([
      name,
      name.startsWith("fc.") || before.get(name),
    ]);
  expect(a).not.toEqual(Array.from(before.get("fc.weight") as Float32Array));
});

test("a resumed training ends with the same bits, and its checkpoint is the whole network", async () => {
  const straight = classifier({ freeze: "features" });
  await fit(straight, "straight", 4);
  await fit(classifier({ freeze: "features" }), "stopped", 2);
  const resumed = classifier({ freeze: "features" });
  const last = join(root, "stopped", "last.ckpt");
  await fit(resumed, "stopped", 4, last);
  expect(head(resumed)).toEqual(head(straight));
  const { stateDict } = loadCheckpoint(last);
  expect([...stateDict.keys()]).toContain("model.layer1.0.conv1.weight");
});

test("features are computed once for the same images and weights", async () => {
  const spy = vi.spyOn(nn.Conv2d.prototype, "forward");
  try {
    await fit(classifier({ freeze: "features", learningRate: 0.02 }), "again", 1);
    expect(spy).not.toHaveBeenCalled();
    manualSeed(2);
    const options = classificationModelOptionsSchema.parse({ ...small, freeze: "features" });
    const other = new ClassificationModel(options, "resnet18", (classes) =>
      buildBackbone("resnet18", options, classes),
    );
    await fit(other, "other", 1);
    expect(spy).toHaveBeenCalled();
  } finally {
    spy.mockRestore();
  }
});

class ScaledLogits extends nn.Module {
  readonly flatten = new nn.Flatten();
  readonly head: nn.Linear;
  constructor(classes: number) {
    super();
    this.head = new nn.Linear(3 * 16 * 16, classes);
  }
  override forward(x: Tensor): Tensor {
    return this.head.call(this.flatten.call(x)).mul(2);
  }
}

test("what features cannot stand for is refused, with what works instead", async () => {
  const scaled = classifier({ freeze: "features" }, (classes) => new ScaledLogits(classes));
  await expect(fit(scaled, "scaled", 1)).rejects.toThrow(/computes more after its Linear[\s\S]*model\.freeze=all/);
  expect(() => classifier({ freeze: "features", unfreeze: 1 })).toThrow(/model\.unfreeze/);
});

test("the command line reports the same files as a training on images", async () => {
  const run = async (name: string, freeze: string) => {
    const words = [
      ...["train", "data", `model.freeze=${freeze}`, "model.width=8", "model.stem=small", "data.image_size=32"],
      ...["trainer.max_epochs=2", `hydra.run.dir=${name}`, `callbacks.model_checkpoint.dirpath=${name}-checkpoints`],
      ...["data.num_workers=0", "trainer.precision=32-true", "data.batch_size=8"],
    ];
    const { code, text } = await inProcess(words, root);
    expect([code, text]).toEqual([0, text]);
    const files = readdirSync(join(root, name), { recursive: true, encoding: "utf8" }).sort();
    return { text, files };
  };
  const features = await run("on features", "features");
  const images = await run("on images", "null");
  expect(features.text).toMatch(/features of 39 images in .* the head is trained on these/);
  expect(features.files).toEqual(images.files);
  expect(features.files.filter((file) => file.endsWith("sample_predictions.png"))).toHaveLength(2);
  expect(existsSync(join(root, "on features", "model.onnx"))).toBe(true);
  const { code, text } = await inProcess(["evaluate", "on features", "--data", "data"], root);
  expect([code, text]).toEqual([0, text]);
});
