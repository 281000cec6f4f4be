import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { nn, noGrad, optim, type Tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import {
  CheckpointIO,
  EarlyStopping,
  EMACallback,
  inspectCheckpoint,
  LightningModule,
  loadCheckpoint,
  ModelCheckpoint,
  nonFiniteWeight,
  Trainer,
  type TrainerOptions,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir, said } from "./workbench.ts";

/** What breaks in batch 3 of 4 of the second epoch, or in its last one. */
type Fault = "loss" | "gradient" | "validation";

class Diverging extends BoringModule {
  readonly fault: Fault | undefined;

  constructor(fault?: Fault) {
    super();
    this.fault = fault;
  }

  override trainingStep(batch: Tensor, batchIdx: number): Tensor {
    const breaks = this.trainer.currentEpoch === 1 && batchIdx === 2;
    const loss = super.trainingStep(batch, batchIdx);
    return this.fault === "loss" && breaks ? loss.mul(Number.NaN) : loss;
  }

  override configureOptimizers() {
    return new optim.SGD(this.parameters(), { lr: 0.02 });
  }

  override onAfterBackward(): void {
    if (this.fault !== "gradient" || this.trainer.currentEpoch !== 1 || !this.trainer.isLastBatch) return;
    noGrad(() => this.l.weight.grad?.fill_(Number.POSITIVE_INFINITY));
  }

  override validationStep(batch: Tensor, batchIdx: number): void {
    super.validationStep(batch, batchIdx);
    this.log("score", this.fault === "validation" && this.trainer.currentEpoch > 0 ? Number.NaN : 1);
  }
}

/** Steps its optimizer itself. */
class Manual extends LightningModule<Tensor> {
  readonly l = new nn.Linear(1, 1);
  override readonly automaticOptimization = false;

  override async trainingStep(batch: Tensor, batchIdx: number): Promise<Tensor> {
    const loss = this.l.call(batch).pow(2).mean();
    const [optimizer] = this.optimizers();
    optimizer?.zeroGrad();
    this.manualBackward(loss);
    await optimizer?.step();
    return batchIdx === 2 ? loss.div(0) : loss;
  }

  override configureOptimizers() {
    return new optim.SGD(this.parameters(), { lr: 0.02 });
  }
}

const data = () => ({ trainDataloaders: numbers(4), valDataloaders: numbers(2) });

function training(options: TrainerOptions = {}) {
  const checkpoint = new ModelCheckpoint({ dirpath: join(dir, "checkpoints"), monitor: "v", saveLast: true });
  const trainer = new Trainer({
    maxEpochs: 4,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    callbacks: [checkpoint, new EMACallback()],
    ...options,
  });
  return { trainer, checkpoint };
}

const last = () => join(dir, "checkpoints", "last.ckpt");

function brokenWeight(path: string): string | undefined {
  const { stateDict, trainingStateDict = new Map<string, Tensor>() } = loadCheckpoint(path);
  return nonFiniteWeight([...stateDict, ...trainingStateDict], () => true);
}

const where = "epoch 2, batch 3, learning rate 0.02";
test.each([
  ["loss", "32-true", `training has diverged: the loss is NaN at step 6\n  where: ${where}, precision 32-true`],
  ["loss", "64-true", `the loss is NaN at step 6\n  where: ${where}, precision 64-true`],
  ["loss", "bf16-mixed", "or train in precision 32-true"],
  ["gradient", "32-true", "training has diverged: the weight 'l.weight' is not finite after step 8"],
] as const)(
  "a %s that is not finite in %s ends the run, and the last checkpoint stays",
  async (fault, precision, text) => {
    const { trainer, checkpoint } = training({ precision });
    const fitted = trainer.fit(new Diverging(fault), data());
    await expect(fitted).rejects.toThrow(text);
    await expect(fitted).rejects.toThrow(`The last checkpoint with finite weights stays: ${last()}.`);
    expect(trainer.status).toBe("interrupted");
    expect(inspectCheckpoint(last()).summary.epoch).toBe(0);
    for (const name of readdirSync(join(dir, "checkpoints")))
      expect(brokenWeight(join(dir, "checkpoints", name)), name).toBeUndefined();
    expect(checkpoint.bestModelPath).toContain("epoch=0");
  },
);

test("a loss of manual optimization is looked at after its step", async () => {
  await expect(training().trainer.fit(new Manual(), { trainDataloaders: numbers(4) })).rejects.toThrow(
    "training has diverged: the loss is Infinity at step 3",
  );
});

test("data that is not finite is called by its name", async () => {
  const batches = { ...data(), trainDataloaders: numbers(4, { start: Number.NaN }) };
  const fitted = training().trainer.fit(new Diverging(), batches);
  await expect(fitted).rejects.toThrow(
    /the loss is NaN at step 0, because `batch` is not finite[\s\S]*look at the data and at its transforms. No checkpoint had been written\./,
  );
});

test("a metric that is not finite is never best, and stops what watches it", async () => {
  const { trainer, checkpoint } = training();
  const stopping = new EarlyStopping({ monitor: "score", patience: 9 });
  const watching = new ModelCheckpoint({ dirpath: join(dir, "scores"), monitor: "score", mode: "max", saveTopK: 3 });
  const { trainer: watched } = training({ callbacks: [watching, stopping] });
  await watched.fit(new Diverging("validation"), data());
  expect(watching.bestModelPath).toContain("epoch=0");
  expect(watched.currentEpoch).toBe(2);
  expect(stopping.stoppingReasonMessage).toContain("score = nan is not finite");
  await trainer.fit(new Diverging("validation"), data());
  expect(checkpoint.bestModelScore).toBeLessThan(Number.POSITIVE_INFINITY);
});

test("a checkpoint of weights that are not finite is neither resumed nor measured", async () => {
  await training({ maxEpochs: 1 }).trainer.fit(new Diverging(), data());
  const checkpoint = loadCheckpoint(last());
  for (const weight of checkpoint.trainingStateDict?.values() ?? []) noGrad(() => weight.fill_(Number.NaN));
  for (const weight of checkpoint.stateDict.values()) noGrad(() => weight.fill_(Number.NaN));
  const broken = join(dir, "broken.ckpt");
  const io = new CheckpointIO({ asynchronous: false });
  await io.save({
    path: broken,
    checkpoint,
    summary: inspectCheckpoint(last()).summary,
    replaces: [],
    onDone: undefined,
  });
  await io.close();
  expect(existsSync(broken)).toBe(true);
  for (const run of [
    () => training().trainer.fit(new Diverging(), { ...data(), ckptPath: broken }),
    () => training().trainer.validate(new Diverging(), { dataloaders: numbers(2), ckptPath: broken }),
  ])
    await expect(run()).rejects.toThrow(
      /the weights are not finite \('l.weight' holds NaN or infinity\)[\s\S]*broken.ckpt/,
    );
  expect(said.join("\n")).not.toContain("while ending after an error");
});
