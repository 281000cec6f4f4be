import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor as OnnxTensor } from "@classifier-training/inference/runtime";
import {
  Callback,
  type Checkpoint,
  EMACallback,
  ModelCheckpoint,
  StochasticWeightAveraging,
  Trainer,
} from "@classifier-training/lightning";
import { nn, noGrad, serialization, type Tensor, tensor } from "@classifier-training/torch";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BestWeightsCallback } from "../src/callbacks/best-weights.ts";
import { ONNXExportCallback, onnxExportOptionsSchema } from "../src/callbacks/onnx-export.ts";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";
import { ClassificationModel } from "../src/model/classification-model.ts";
import { classificationModelOptionsSchema } from "../src/model/options.ts";

const dir = mkdtempSync(join(tmpdir(), "best-weights-"));

/** Plain blue and plain red images. */
beforeAll(async () => {
  for (const split of ["train", "valid"])
    for (const [label, background] of [
      ["blue", "#1020d0"],
      ["red", "#d02010"],
    ] as const) {
      mkdirSync(join(dir, "data", split, label), { recursive: true });
      for (let i = 0; i < 6; i++)
        await sharp({ create: { width: 8, height: 8, channels: 3, background } })
          .png()
          .toFile(join(dir, "data", split, label, `${i}.png`));
    }
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Tells red from blue by the mean color, from the start. */
class MeanColor extends nn.Module {
  readonly head = new nn.Linear(3, 2);

  constructor() {
    super();
    noGrad(() => {
      this.head.weight.copy_(
        tensor([
          [-1, 0, 1],
          [1, 0, -1],
        ]),
      );
      this.head.bias?.zero_();
    });
  }

  override forward(x: Tensor): Tensor {
    return this.head.call(x.mean([2, 3]));
  }
}

/** Spoils one of the two sets of weights of a checkpoint. */
class Spoil extends Callback {
  readonly #which: "stateDict" | "trainingStateDict";

  constructor(which: "stateDict" | "trainingStateDict") {
    super();
    this.#which = which;
  }

  override onSaveCheckpoint(_trainer: unknown, _module: unknown, checkpoint: Checkpoint): void {
    const weights = checkpoint[this.#which] ?? new Map<string, Tensor>();
    checkpoint[this.#which] = noGrad(
      () => new Map([...weights].map(([name, value]) => [name, name.includes("head") ? value.neg() : value.clone()])),
    );
  }
}

async function trained(name: string, callbacks: readonly Callback[]) {
  const outputDir = join(dir, name);
  const options = classificationModelOptionsSchema.parse({ numClasses: 2, learningRate: 1e-8, pretrained: false });
  const model = new ClassificationModel(options, "mean_color", () => new MeanColor());
  const datamodule = new ImageFolderDataModule({
    dataRoot: join(dir, "data"),
    imageSize: 8,
    batchSize: 4,
    numWorkers: 0,
  });
  const best = new BestWeightsCallback({ outputDir });
  const trainer = new Trainer({
    maxEpochs: 1,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    numSanityValSteps: 0,
    defaultRootDir: outputDir,
    callbacks: [
      ...callbacks,
      // Before the chooser, to show that the order does not matter.
      new ONNXExportCallback(onnxExportOptionsSchema.parse({ outputDir, inputHeight: 8, inputWidth: 8 })),
      new ModelCheckpoint({ dirpath: join(outputDir, "checkpoints"), monitor: "val/acc_top1", mode: "max" }),
      best,
    ],
  });
  await trainer.fit(model, { datamodule });
  const path = join(outputDir, "best_weights.json");
  const report = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  return { best, report, outputDir, model };
}

/** What the exported model says of a red image: 1 when it still knows red. */
async function guessOfRed(outputDir: string): Promise<number> {
  const session = await InferenceSession.create(join(outputDir, "model.onnx"), { logSeverityLevel: 3 });
  const image = new Float32Array(3 * 64).fill(-1);
  image.fill(1, 0, 64);
  const { logits } = await session.run({ input: new OnnxTensor("float32", image, [1, 3, 8, 8]) });
  await session.release();
  const [blue = 0, red = 0] = (logits?.data ?? []) as Float32Array;
  return red > blue ? 1 : 0;
}

test("raw weights that are better than their average are chosen, named, kept and exported", async () => {
  const { best, report, outputDir } = await trained("raw", [new EMACallback(), new Spoil("stateDict")]);
  expect(best.chosen).toBe("raw");
  expect(report).toMatchObject({
    best: "raw",
    candidates: [
      { name: "raw", correct: 12, n: 12 },
      { name: "ema", correct: 0, n: 12, pairedTestAgainstBest: { distinguishable: true } },
    ],
  });
  expect(await guessOfRed(outputDir)).toBe(1);
  const kept = serialization.loadSafetensors(join(outputDir, "best_weights.safetensors"));
  expect(kept.metadata["weights"]).toBe("raw");
  expect(kept.tensors.get("model.head.weight")?.toTypedArray()[3]).toBeCloseTo(1, 3);
});

test("an average that is better than the raw weights is chosen, and the module keeps its own", async () => {
  const { best, report, outputDir, model } = await trained("ema", [new EMACallback(), new Spoil("trainingStateDict")]);
  expect(best.chosen).toBe("ema");
  expect(report.candidates.map(({ name }: { name: string }) => name)).toEqual(["ema", "raw"]);
  expect(await guessOfRed(outputDir)).toBe(1);
  expect(existsSync(join(outputDir, "best_weights.safetensors"))).toBe(false);
  expect(model.training).toBe(true);
});

test("without an average there is nothing to choose: the raw weights are taken unmeasured", async () => {
  const { best, report, outputDir } = await trained("alone", []);
  expect(best.chosen).toBe("raw");
  expect(report).toBeUndefined();
  expect(await guessOfRed(outputDir)).toBe(1);
});

test("the average of epochs is measured beside the others", async () => {
  const averaging = new StochasticWeightAveraging({ swaLrs: 1e-8, swaEpochStart: 1 });
  const { report } = await trained("swa", [new EMACallback(), averaging]);
  const names = report.candidates.map(({ name, correct }: { name: string; correct: number }) => `${name} ${correct}`);
  expect(names.sort()).toEqual(["averaged 12", "ema 12", "raw 12"]);
});
