/**
 * A small deterministic training that can be killed at any moment: `run.ts DIR STEP_MS`. KILL_TEST_PLAN says what saves it:
 * `steps` (by default) with each step; `validations` as in most configurations, and the first epoch stays the best one;
 * `time` as well, at each batch.
 */
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Rng, setLogLevel } from "@classifier-training/base";
import { manualSeed, nn, optim, type Tensor, tensor } from "@classifier-training/torch";
import {
  type BatchLoader,
  Callback,
  CSVLogger,
  DeterminismLog,
  EarlyStopping,
  EMACallback,
  LearningRateMonitor,
  LightningModule,
  MeanMetric,
  ModelCheckpoint,
  Trainer,
  type TrainerView,
} from "../../src/index.ts";

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

export class KillableModule extends LightningModule<Batch> {
  readonly net = new nn.Sequential(
    new nn.Linear(8, 64),
    new nn.BatchNorm1d(64),
    new nn.ReLU(),
    new nn.Dropout({ p: 0.3 }),
    new nn.Linear(64, 3),
  );
  readonly mean = new MeanMetric();

  override forward(x: Tensor): Tensor {
    return this.net.call(x);
  }
  override onTrainStart(): void {
    process.stdout.write("training\n");
  }
  override trainingStep({ x, y }: Batch): Tensor {
    const loss = nn.functional.crossEntropy(this.forward(x), y);
    this.log("train/loss", loss, { onStep: true, onEpoch: true });
    this.mean.update(loss.item());
    this.log("train/mean", this.mean, { onStep: false, onEpoch: true });
    return loss;
  }
  override validationStep({ x, y }: Batch): void {
    this.log("val/loss", nn.functional.crossEntropy(this.forward(x), y));
    this.log("val/steps", this.globalStep);
  }
  override configureOptimizers() {
    const optimizer = new optim.AdamW(this.parameters(), { lr: 0.01 });
    const scheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, { tMax: 40 });
    return { optimizer, lrScheduler: { scheduler, interval: "step" as const } };
  }
}

/** Batches that depend on (seed, epoch, index) alone. */
export function killableLoader(count: number, name: string, stepMs: number): BatchLoader<Batch> {
  return {
    length: count,
    async *batches({ epoch, startBatch }) {
      for (let i = startBatch; i < count; i++) {
        const rng = Rng.at(7, name, epoch, i);
        const x = tensor(Array.from({ length: 16 }, () => Array.from({ length: 8 }, () => rng.normal())));
        const y = tensor(
          Array.from({ length: 16 }, () => rng.integer(3)),
          { dtype: "int64" },
        );
        if (stepMs > 0) await new Promise((resolve) => setTimeout(resolve, stepMs));
        yield { x, y };
        x.dispose();
        y.dispose();
      }
    },
  };
}

export function weightsHash(module: LightningModule): string {
  const hash = createHash("sha256");
  for (const [name, value] of module.stateDict()) hash.update(name).update(String(value.tolist()));
  return hash.digest("hex");
}

/** Lines of what was done: `start STEP`, `step STEP`, `validated STEP`. */
class ProgressLog extends Callback {
  readonly #path: string;
  constructor(path: string) {
    super();
    this.#path = path;
  }
  #write(what: string, trainer: TrainerView): void {
    if (!trainer.sanityChecking) appendFileSync(this.#path, `${what} ${trainer.globalStep}\n`);
  }
  override onTrainStart(trainer: TrainerView): void {
    this.#write("start", trainer);
  }
  override onTrainBatchEnd(trainer: TrainerView): void {
    this.#write("step", trainer);
  }
  override onValidationEnd(trainer: TrainerView): void {
    this.#write("validated", trainer);
  }
}

const plans: Readonly<Record<string, (dirpath: string) => readonly ModelCheckpoint[]>> = {
  steps: (dirpath) => [
    new ModelCheckpoint({ dirpath, monitor: "val/loss", saveTopK: 2, filename: "best-{epoch}-{step}" }),
    new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, saveTopK: 1, saveLast: true, filename: "step-{step}" }),
  ],
  // The metric only gets worse: in Lightning `last` would stay at the first validation.
  validations: (dirpath) => [
    new ModelCheckpoint({
      dirpath,
      monitor: "val/steps",
      saveTopK: 1,
      saveLast: true,
      filename: "{epoch}-{val/steps}",
    }),
  ],
  time: (dirpath) => [new ModelCheckpoint({ dirpath, monitor: "val/steps", checkpointEveryMinutes: 1e-9 })],
};

async function main(dir: string, stepMs: number): Promise<void> {
  setLogLevel("WARNING");
  manualSeed(1);
  const plan = process.env["KILL_TEST_PLAN"] ?? "steps";
  const checkpoints = join(dir, "checkpoints");
  // Rows of a part that was killed before it saved anything belong to no run.
  const saved = existsSync(checkpoints) && readdirSync(checkpoints).some((name) => name.endsWith(".ckpt"));
  if (!saved) for (const name of ["metrics.csv", "replay.jsonl"]) rmSync(join(dir, name), { force: true });
  const module = new KillableModule();
  const ema = new EMACallback({ decay: 0.9 });
  const trainer = new Trainer({
    maxEpochs: 4,
    accumulateGradBatches: 2,
    gradientClipVal: 1,
    valCheckInterval: 0.5,
    logEveryNSteps: 1,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    // What was saved is then on disk before the next batch.
    asyncCheckpointing: plan === "steps",
    logger: new CSVLogger({ saveDir: dir, name: null, version: "" }),
    callbacks: [
      ema,
      new LearningRateMonitor(),
      new EarlyStopping({ monitor: "val/loss", patience: 100 }),
      new DeterminismLog({ everyNSteps: 3, path: join(dir, "replay.jsonl") }),
      ...(plans[plan]?.(checkpoints) ?? []),
      new ProgressLog(join(dir, "progress.log")),
    ],
  });
  await trainer.fit(module, {
    trainDataloaders: killableLoader(10, "train", stepMs),
    valDataloaders: killableLoader(2, "val", stepMs),
    ckptPath: "last",
  });
  const average = createHash("sha256");
  for (const [name, value] of ema.average ?? []) average.update(name).update(String(value.tolist()));
  const result = { weights: weightsHash(module), ema: average.digest("hex"), steps: trainer.globalStep };
  writeFileSync(join(dir, "result.json"), JSON.stringify(result));
}

const [dir, stepMs = "0"] = process.argv.slice(2);
if (dir !== undefined && process.env["KILL_TEST_CHILD"] === "1") await main(dir, Number(stepMs));
