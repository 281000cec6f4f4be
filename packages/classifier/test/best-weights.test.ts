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
  summaryOf,
  Trainer,
  type TrainerView,
} from "@classifier-training/lightning";
import { nn, noGrad, serialization, type Tensor, tensor } from "@classifier-training/torch";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { z } from "zod";
import { BestWeightsCallback, bestWeightsOptionsSchema } from "../src/callbacks/best-weights.ts";
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

/** Tells red from blue at 16 pixels, and takes one for the other at 8. */
class LargeOnly extends MeanColor {
  override forward(x: Tensor): Tensor {
    return super.forward(x).mul((x.shape[3] ?? 0) > 8 ? 1 : -1);
  }
}

/** Checkpoints that know one class each: the mean of two knows both. */
class OneSided extends Callback {
  override onSaveCheckpoint({ currentEpoch }: TrainerView, _module: unknown, checkpoint: Checkpoint): void {
    const bias = tensor(currentEpoch % 2 === 0 ? [5, -5] : [-5, 5]);
    checkpoint.stateDict = new Map([...checkpoint.stateDict, ["model.head.bias", bias]]);
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

interface Trained {
  readonly epochs?: number;
  readonly network?: new () => nn.Module;
  readonly bestWeights?: Partial<z.input<typeof bestWeightsOptionsSchema>>;
}

async function trained(
  name: string,
  callbacks: readonly Callback[],
  { epochs = 1, network = MeanColor, bestWeights = {} }: Trained = {},
) {
  const outputDir = join(dir, name);
  const options = classificationModelOptionsSchema.parse({ numClasses: 2, learningRate: 1e-8, pretrained: false });
  const model = new ClassificationModel(options, "mean_color", () => new network());
  const datamodule = new ImageFolderDataModule({
    dataRoot: join(dir, "data"),
    imageSize: 8,
    batchSize: 4,
    numWorkers: 0,
  });
  const best = new BestWeightsCallback(bestWeightsOptionsSchema.parse({ outputDir, ...bestWeights }));
  const trainer = new Trainer({
    maxEpochs: epochs,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    numSanityValSteps: 0,
    defaultRootDir: outputDir,
    callbacks: [
      ...callbacks,
      // Before the chooser, to show that the order does not matter.
      new ONNXExportCallback(onnxExportOptionsSchema.parse({ outputDir, inputHeight: 8, inputWidth: 8 })),
      new ModelCheckpoint({
        dirpath: join(outputDir, "checkpoints"),
        monitor: "val/acc_top1",
        mode: "max",
        saveTopK: 2,
      }),
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

test("the mean of the kept checkpoints is measured, named, kept and exported when it is better than each", async () => {
  const { best, report, outputDir } = await trained("soup", [new OneSided()], {
    epochs: 2,
    bestWeights: { soup: true },
  });
  expect(best.chosen).toBe("soup");
  expect(report).toMatchObject({
    best: "soup",
    measured: 2,
    candidates: [
      { name: "soup", correct: 12, n: 12 },
      { name: "raw", correct: 6, pairedTestAgainstBest: { onlyFirst: 6, onlySecond: 0 } },
    ],
  });
  expect(report.candidates[0].source).toMatch(/epoch=\d.* \(raw\) \+ .*epoch=\d.* \(raw\)/);
  expect(await guessOfRed(outputDir)).toBe(1);
  const kept = serialization.loadSafetensors(join(outputDir, "best_weights.safetensors"));
  expect(kept.tensors.get("model.head.bias")?.tolist()).toEqual([0, 0]);
  // A checkpoint of the run, which the run's commands open.
  expect(summaryOf(join(outputDir, "best_weights.safetensors"))).toMatchObject({ weightsOnly: true, globalStep: 6 });
});

test("a larger input that is better for sure is what is exported, with its preprocessing; one that is not is left", async () => {
  const bestWeights = { testSizes: [2, 2.01, 3] };
  const { best, report, outputDir } = await trained("large", [], { network: LargeOnly, bestWeights });
  expect(report.inputSize).toMatchObject({ chosen: 16, trained: 8, sizes: [{ size: 8 }, { size: 16 }, { size: 24 }] });
  expect([best.inputSize, best.measured, best.predictions?.top1.successes]).toEqual([16, 3, 12]);
  const mapping = JSON.parse(readFileSync(join(outputDir, "labels_mapping.json"), "utf8"));
  expect(mapping.preprocessing).toMatchObject({ input_height: 16, input_width: 16 });
  const session = await InferenceSession.create(join(outputDir, "model.onnx"), { logSeverityLevel: 3 });
  await expect(
    session.run({ input: new OnnxTensor("float32", new Float32Array(192), [1, 3, 8, 8]) }),
  ).rejects.toThrow();
  const { logits } = await session.run({ input: new OnnxTensor("float32", new Float32Array(768), [1, 3, 16, 16]) });
  expect(logits?.dims).toEqual([1, 2]);
  await session.release();
  const same = await trained("small", [], { bestWeights });
  expect(same.report.inputSize.chosen).toBe(8);
  expect(same.best.inputSize).toBeUndefined();
});
