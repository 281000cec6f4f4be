import { join } from "node:path";
import type { Tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import {
  inspectCheckpoint,
  ModelCheckpoint,
  type ModelCheckpointOptions,
  Trainer,
  type TrainerOptions,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir } from "./workbench.ts";

/** Each metric is the step that the weights have when it is measured. */
class StepOfWeights extends BoringModule {
  override trainingStep(batch: Tensor, batchIdx: number): Tensor {
    // The optimizer's step of this batch is still to come.
    this.log("train/step", this.globalStep + 1, { onStep: true, onEpoch: false });
    return super.trainingStep(batch, batchIdx);
  }
  override onTrainEpochEnd(): void {
    this.log("epoch/step", this.globalStep);
  }
  override validationStep(): void {
    this.log("val/step", this.globalStep);
  }
}

test("last follows the steps also where the best wait for a validation", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: dir, monitor: "val/step", everyNTrainSteps: 2, saveLast: true });
  const steps: number[] = [];
  class Recorded extends Trainer {
    override saveCheckpoint(...args: Parameters<Trainer["saveCheckpoint"]>): Promise<void> {
      if (args[0].endsWith("last.ckpt")) steps.push(this.globalStep);
      return super.saveCheckpoint(...args);
    }
  }
  const options = {
    maxEpochs: 1,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
  };
  const trainer = new Recorded({ ...options, callbacks: [checkpoint] });
  await trainer.fit(new StepOfWeights(), { trainDataloaders: numbers(7), valDataloaders: numbers(1) });
  // With the validation that measures the best, and when the epoch is over.
  expect(steps).toEqual([2, 4, 6, 7, 7]);
});

test.each<[string, ModelCheckpointOptions, TrainerOptions, readonly number[]]>([
  ["every three steps", { everyNTrainSteps: 3 }, {}, [4, 8, 12]],
  ["every step, within epochs", { everyNTrainSteps: 1 }, { valCheckInterval: { batches: 2 } }, [2, 4, 6, 8, 10, 12]],
  ["by time", { trainTimeInterval: { seconds: 0 } }, { checkValEveryNEpoch: 2 }, [8]],
  [
    "at the end of epochs that end after a validation",
    { saveOnTrainEpochEnd: true },
    { valCheckInterval: { batches: 3 } },
    [7, 11],
  ],
  ["by a metric of each step", { everyNTrainSteps: 3, monitor: "train/step" }, {}, [3, 6, 9, 12]],
  ["by a metric of training epochs", { everyNTrainSteps: 3, monitor: "epoch/step" }, {}, [4, 8, 12]],
  ["by the step itself", { everyNTrainSteps: 5, monitor: "step", mode: "max" }, {}, [5, 10]],
])("saved %s, a checkpoint's value was measured with its weights", async (_how, options, trainerOptions, steps) => {
  const checkpoint = new ModelCheckpoint({
    dirpath: join(dir, "ck"),
    monitor: "val/step",
    saveTopK: -1,
    filename: "{step}",
    ...options,
  });
  const trainer = new Trainer({
    maxEpochs: 3,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    callbacks: [checkpoint],
    ...trainerOptions,
  });
  await trainer.fit(new StepOfWeights(), { trainDataloaders: numbers(4), valDataloaders: numbers(1) });
  const saved = [...checkpoint.bestKModels].map(([path, score]) => {
    const { summary } = inspectCheckpoint(path);
    return { step: summary.globalStep, value: summary.monitor?.value, score };
  });
  expect(saved).toEqual(steps.map((step) => ({ step, value: step, score: step })));
});
