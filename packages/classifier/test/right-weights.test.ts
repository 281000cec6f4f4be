import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor as OnnxTensor } from "@classifier-training/inference/runtime";
import { Callback, EMACallback, LightningError, ModelCheckpoint, Trainer } from "@classifier-training/lightning";
import { nn, noGrad, type Tensor, tensor } from "@classifier-training/torch";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ConfusionMatrixCallback, confusionMatrixOptionsSchema } from "../src/callbacks/confusion-matrix.ts";
import { ONNXExportCallback, onnxExportOptionsSchema } from "../src/callbacks/onnx-export.ts";
import { ClassificationReportCallback, classificationReportOptionsSchema } from "../src/callbacks/report.ts";
import {
  SampleVisualizationCallback,
  sampleVisualizationOptionsSchema,
} from "../src/callbacks/sample-visualization.ts";
import { TrainingHistoryCallback, trainingHistoryOptionsSchema } from "../src/callbacks/training-history.ts";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";
import { ClassificationModel } from "../src/model/classification-model.ts";
import { classificationModelOptionsSchema } from "../src/model/options.ts";

// Trainings, and the thread that makes their plots.
vi.setConfig({ testTimeout: 60_000 });

let dir = "";
const colors = { blue: "#1020d0", red: "#d02010", green: "#10d020" } as const;
type Label = keyof typeof colors;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "right-weights-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function images(labels: readonly Label[]): Promise<void> {
  for (const split of ["train", "valid"]) {
    for (const label of labels) {
      const folder = join(dir, "data", split, label);
      mkdirSync(folder, { recursive: true });
      const create = { width: 8, height: 8, channels: 3, background: colors[label] } as const;
      for (let i = 0; i < 6; i++)
        await sharp({ create })
          .png()
          .toFile(join(folder, `${i}.png`));
    }
  }
}

/** Tells red from blue by the mean color, from the start; counts how often it is asked. */
class MeanColor extends nn.Module {
  readonly head: nn.Linear;
  calls = 0;

  constructor(classes: number) {
    super();
    this.head = new nn.Linear(3, classes);
    noGrad(() => {
      this.head.weight.zero_();
      this.head.bias?.zero_();
      this.head.weight.narrow(0, 0, 2).copy_(
        tensor([
          [-1, 0, 1],
          [1, 0, -1],
        ]),
      );
    });
  }

  override forward(x: Tensor): Tensor {
    this.calls++;
    return this.head.call(x.mean([2, 3]));
  }
}

async function train(
  callbacks: readonly Callback[],
  options: {
    readonly backbone?: string;
    readonly classes?: number;
    readonly ckptPath?: string;
    readonly epochs?: number;
    readonly classWeights?: readonly number[];
  },
) {
  const { backbone = "mean_color", classes = 2, ckptPath = null, epochs = 2, classWeights } = options;
  const network = new MeanColor(classes);
  const model = new ClassificationModel(
    classificationModelOptionsSchema.parse({ numClasses: classes, learningRate: 1e-8, pretrained: false }),
    backbone,
    () => network,
  );
  if (classWeights !== undefined) model.setClassWeights(tensor([...classWeights]));
  const datamodule = new ImageFolderDataModule({
    dataRoot: join(dir, "data"),
    imageSize: 8,
    batchSize: 4,
    numWorkers: 0,
  });
  const trainer = new Trainer({
    maxEpochs: epochs,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    numSanityValSteps: 0,
    defaultRootDir: dir,
    callbacks: [...callbacks],
  });
  await trainer.fit(model, { datamodule, ckptPath });
  return { network, trainer };
}

/** Makes the network wrong about everything once an epoch begins. */
class WrongFrom extends Callback {
  readonly #epoch: number;
  constructor(epoch: number) {
    super();
    this.#epoch = epoch;
  }
  override onTrainEpochStart(trainer: { currentEpoch: number }, module: nn.AnyModule): void {
    if (trainer.currentEpoch !== this.#epoch) return;
    noGrad(() => {
      for (const [name, parameter] of module.namedParameters()) if (name.includes("head")) parameter.neg_();
    });
  }
}

test.each([
  ["alone", []],
  ["beside a moving average", [new EMACallback({ decay: 0.01 })]],
] as const)("the export is of the best checkpoint and not of the last weights, %s", async (_how, more) => {
  await images(["blue", "red"]);
  const checkpoint = new ModelCheckpoint({ dirpath: join(dir, "checkpoints"), monitor: "val/acc_top1", mode: "max" });
  const exporter = new ONNXExportCallback(
    onnxExportOptionsSchema.parse({ outputDir: dir, inputHeight: 8, inputWidth: 8 }),
  );
  const { trainer } = await train([...more, new WrongFrom(1), exporter, checkpoint], {});
  expect([checkpoint.bestModelScore, trainer.callbackMetrics["val/acc_top1"]]).toEqual([1, 0]);
  const session = await InferenceSession.create(join(dir, "model.onnx"), { logSeverityLevel: 3 });
  const red = new Float32Array(3 * 64).fill(-1);
  red.fill(1, 0, 64);
  const { logits } = await session.run({ input: new OnnxTensor("float32", red, [1, 3, 8, 8]) });
  await session.release();
  const [asBlue = 0, asRed = 0] = (logits?.data ?? []) as Float32Array;
  expect(asRed).toBeGreaterThan(asBlue);
});

test("validation runs the network once a batch, whatever looks at the result", async () => {
  await images(["blue", "red"]);
  const outputDir = dir;
  const { network, trainer } = await train(
    [
      new ConfusionMatrixCallback(confusionMatrixOptionsSchema.parse({ outputDir })),
      new ClassificationReportCallback(classificationReportOptionsSchema.parse({ outputDir })),
      new SampleVisualizationCallback(sampleVisualizationOptionsSchema.parse({ outputDir })),
      new TrainingHistoryCallback(trainingHistoryOptionsSchema.parse({ outputDir })),
      new ModelCheckpoint({ dirpath: join(dir, "checkpoints"), monitor: "val/acc_top1", mode: "max" }),
    ],
    { epochs: 1 },
  );
  // 12 images, 4 a batch, in each of the two splits.
  expect(network.calls).toBe(trainer.numTrainingBatches + (trainer.numValBatches[0] ?? 0));
  expect(network.calls).toBe(6);
});

test.each<[string, Parameters<typeof train>[1], () => Promise<void>, RegExp]>([
  ["another model", { backbone: "other_color" }, async () => {}, /model was "mean_color" and is "other_color"/],
  ["more classes", { classes: 3 }, () => images(["green"]), /numClasses was 2 and is 3; classes was \["blue","red"\]/],
  [
    "classes of other names",
    {},
    async () => {
      for (const split of ["train", "valid"])
        renameSync(join(dir, "data", split, "red"), join(dir, "data", split, "crimson"));
    },
    /classes was \["blue","red"\] and is \["blue","crimson"\]/,
  ],
  [
    "other images",
    {},
    async () => renameSync(join(dir, "data", "train", "red", "5.png"), join(dir, "data", "train", "red", "6.png")),
    /trainingPictures was "[0-9a-f]{16}" and is "[0-9a-f]{16}"/,
  ],
])("the last checkpoint is refused for %s, with the way out", async (_what, changes, change, difference) => {
  await images(["blue", "red"]);
  const keep = () => new ModelCheckpoint({ dirpath: join(dir, "checkpoints"), saveLast: true });
  await train([keep()], { epochs: 1 });
  await train([keep()], { epochs: 2, ckptPath: "last" });
  await change();
  const error: unknown = await train([keep()], { epochs: 3, ckptPath: "last", ...changes }).catch((reason) => reason);
  expect(error).toBeInstanceOf(LightningError);
  expect((error as LightningError).problem.what).toMatch(difference);
  expect((error as LightningError).problem.fix).toContain("start from scratch");
});

test("a resumed training weighs classes by its own configuration, not by the checkpoint's", async () => {
  await images(["blue", "red"]);
  const keep = () => new ModelCheckpoint({ dirpath: join(dir, "checkpoints"), saveLast: true });
  await train([keep()], { epochs: 1, classWeights: [1, 1] });
  const { trainer } = await train([keep()], { epochs: 2, ckptPath: "last", classWeights: [1, 3] });
  expect(trainer.resumedStep).toBeGreaterThan(0);
  const { class_weights } = trainer.lightningModule as ClassificationModel;
  expect(Array.from(class_weights.toTypedArray() as Float32Array)).toEqual([1, 3]);
});

test("a data folder that was moved is the same data", async () => {
  await images(["blue", "red"]);
  const signatureOf = async (dataRoot: string) => {
    const data = new ImageFolderDataModule({ dataRoot, imageSize: 8, numWorkers: 0 });
    await data.setup("fit");
    return data.runSignature();
  };
  const before = await signatureOf(join(dir, "data"));
  renameSync(join(dir, "data"), join(dir, "moved"));
  expect(await signatureOf(join(dir, "moved"))).toEqual(before);
});
