// One rank of a distributed run, or all of them when it launches the others: `program.ts DIR JSON`.
import { createHash } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { manualSeed, nn, noGrad, optim, type Tensor, tensor } from "@classifier-training/torch";
import {
  type BatchLoader,
  CSVLogger,
  DDPStrategy,
  EarlyStopping,
  EMACallback,
  LightningModule,
  type LoaderPosition,
  ModelCheckpoint,
  MulticlassAccuracy,
  StochasticWeightAveraging,
  Trainer,
  type TrainerOptions,
} from "../../src/index.ts";

export interface ProgramOptions {
  readonly trainer: Readonly<Record<string, unknown>>;
  readonly batchSize: number;
  readonly samples?: number;
  readonly valSamples?: number;
  readonly valBatchSize?: number;
  readonly batchNorm?: boolean;
  readonly dropout?: boolean;
  readonly ema?: boolean;
  readonly swa?: boolean;
  readonly resume?: boolean;
  readonly stopAt?: number;
  /** "R:N": rank R does something at its Nth training step. */
  readonly killAt?: string;
  readonly throwAt?: string;
  readonly hangAt?: string;
  readonly nanAt?: string;
  /** Minutes after which the last checkpoint is written again. */
  readonly saveEvery?: number;
  readonly stepMs?: number;
  /** Seconds to wait for another rank. */
  readonly timeoutS?: number;
  /** Seconds after which a rank that waits says so. */
  readonly heartbeatS?: number;
  /** What rank 1 alone has instead. */
  readonly rankOne?: Partial<ProgramOptions>;
}

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

const classes = 3;

/** Sample i is the same numbers in every process and batch. */
function sample(i: number): { x: number[]; y: number } {
  const bytes = createHash("sha256").update(`sample ${i}`).digest();
  return { x: Array.from({ length: 4 }, (_, k) => (bytes[k] as number) / 64 - 2), y: (bytes[8] as number) % classes };
}

function loader(samples: number, batchSize: number): BatchLoader<Batch> {
  const length = Math.ceil(samples / batchSize);
  return {
    length,
    async *batches({ epoch, startBatch }: LoaderPosition) {
      for (let b = startBatch; b < length; b++) {
        const indices = Array.from(
          { length: Math.min(batchSize, samples - b * batchSize) },
          (_, i) => b * batchSize + i,
        );
        const rows = indices.map((i) => sample((i + 7 * epoch) % samples));
        yield {
          x: tensor(rows.map(({ x }) => x)),
          y: tensor(
            rows.map(({ y }) => y),
            { dtype: "int64" },
          ),
        };
      }
    },
  };
}

class Model extends LightningModule<Batch> {
  readonly net: nn.Sequential;
  readonly metrics = {
    train: new MulticlassAccuracy({ numClasses: classes, average: "micro" }),
    val: new MulticlassAccuracy({ numClasses: classes, average: "micro" }),
  };
  readonly #options: ProgramOptions;
  readonly #dir: string;
  #steps = 0;
  seen = 0;

  constructor(options: ProgramOptions, dir: string) {
    super();
    this.#options = options;
    this.#dir = dir;
    this.net = new nn.Sequential(
      new nn.Linear(4, 16),
      ...(options.batchNorm === true ? [new nn.BatchNorm1d(16)] : []),
      new nn.ReLU(),
      ...(options.dropout === true ? [new nn.Dropout({ p: 0.2 })] : []),
      new nn.Linear(16, classes),
    );
  }

  override forward(x: Tensor): Tensor {
    return this.net.call(x);
  }

  override trainingStep({ x, y }: Batch): Tensor {
    this.#steps++;
    this.#misbehave();
    const logits = this.forward(x);
    const loss = nn.functional.crossEntropy(logits, y).mul(this.#isHere(this.#options.nanAt) ? Number.NaN : 1);
    this.metrics.train.update(logits, y);
    this.log("loss", loss, { onStep: true, onEpoch: true, syncDist: true });
    return loss;
  }

  #misbehave(): void {
    const { killAt, throwAt, hangAt, stepMs = 0 } = this.#options;
    appendFileSync(join(this.#dir, `steps-${this.trainer.globalRank}.txt`), `${process.pid}\n`);
    if (this.#isHere(killAt)) process.kill(process.pid, "SIGKILL");
    if (this.#isHere(throwAt)) throw new RangeError("this rank broke");
    if (this.#isHere(hangAt)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    if (stepMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stepMs);
  }

  #isHere(place: string | undefined): boolean {
    return place === `${this.trainer.globalRank}:${this.#steps}`;
  }

  override onSaveCheckpoint(): void {
    appendFileSync(join(this.#dir, `saves-${this.trainer.globalRank}.txt`), `${this.trainer.globalStep}\n`);
  }

  override onTrainEpochEnd(): void {
    this.log("train_acc", this.metrics.train.compute() as number);
    this.metrics.train.reset();
  }

  override validationStep({ x, y }: Batch): void {
    const logits = this.forward(x);
    this.metrics.val.update(logits, y);
    this.seen += y.numel;
    this.log("val_loss", nn.functional.crossEntropy(logits, y));
    this.log("count", y.numel, { reduceFx: "sum" });
  }

  override onValidationEpochEnd(): void {
    this.log("val_acc", this.metrics.val.compute() as number);
    this.metrics.val.reset();
  }

  override configureOptimizers(): optim.Optimizer {
    return new optim.AdamW(this.parameters(), { lr: 0.05 });
  }
}

function hash(module: LightningModule): string {
  const sum = createHash("sha256");
  for (const [name, value] of module.stateDict()) sum.update(name).update(new Uint8Array(value.toTypedArray().buffer));
  return sum.digest("hex");
}

const [dir = "", text = "{}"] = process.argv.slice(2);
const shared = JSON.parse(text) as ProgramOptions;
const options: ProgramOptions = process.env["RANK"] === "1" ? { ...shared, ...shared.rankOne } : shared;
manualSeed(7);
const model = new Model(options, dir);
// The ranks differ before they meet: rank 0's weights are those of all.
if (process.env["LOCAL_RANK"] === "1") noGrad(() => [...model.parameters()].map((parameter) => parameter.mul_(2)));
const checkpoints = new ModelCheckpoint({
  dirpath: join(dir, "checkpoints"),
  monitor: "val_acc",
  mode: "max",
  saveLast: true,
  saveTopK: 1,
  ...(options.saveEvery !== undefined && { checkpointEveryMinutes: options.saveEvery }),
  everyNTrainSteps: (options.trainer["everyNTrainSteps"] as number | undefined) ?? null,
});
const { everyNTrainSteps: _every, ...trainerOptions } = options.trainer;
const trainer = new Trainer({
  accelerator: "cpu",
  callbacks: [
    checkpoints,
    ...(options.ema === true ? [new EMACallback({ decay: 0.9 })] : []),
    ...(options.swa === true ? [new StochasticWeightAveraging({ swaLrs: 0.01, swaEpochStart: 1 })] : []),
    ...(options.stopAt === undefined
      ? []
      : [new EarlyStopping({ monitor: "val_acc", mode: "max", stoppingThreshold: options.stopAt })]),
  ],
  logger: [new CSVLogger({ saveDir: dir, name: "", version: "" })],
  enableProgressBar: false,
  enableModelSummary: false,
  logEveryNSteps: 1,
  defaultRootDir: dir,
  ...trainerOptions,
  ...(options.timeoutS !== undefined && {
    strategy: new DDPStrategy({ timeout: options.timeoutS, heartbeat: options.heartbeatS }),
  }),
} as TrainerOptions);
await trainer.fit(model, {
  trainDataloaders: loader(options.samples ?? 16, options.batchSize),
  valDataloaders: loader(options.valSamples ?? 7, options.valBatchSize ?? 2),
  ckptPath: options.resume === true ? "last" : null,
});
const result = {
  rank: trainer.globalRank,
  worldSize: trainer.worldSize,
  weights: hash(model),
  first: [...model.parameters()][0]?.toArray(),
  running: [...model.buffers()].map((buffer) => buffer.toArray()),
  metrics: trainer.callbackMetrics,
  steps: trainer.globalStep,
  epoch: trainer.currentEpoch,
  best: checkpoints.bestModelPath,
  seen: model.seen,
};
writeFileSync(join(dir, `result-${trainer.globalRank}.json`), JSON.stringify(result));
