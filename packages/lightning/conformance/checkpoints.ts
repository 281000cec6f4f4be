import { existsSync, lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { camelCase } from "@classifier-training/base";
import { nn, optim, type Tensor, tensor } from "@classifier-training/torch";
import {
  Callback,
  EarlyStopping,
  type EarlyStoppingOptions,
  inspectCheckpoint,
  LightningModule,
  ModelCheckpoint,
  type ModelCheckpointOptions,
  Trainer,
  type TrainerView,
} from "../src/index.ts";
import { deviations } from "./deviations.ts";
import type { SectionResult } from "./metrics.ts";
import {
  firstDifference,
  loader,
  quietTrainer,
  readRecording,
  recordedNumber,
  same,
  trainerOptions,
} from "./support.ts";

interface NameCase {
  readonly filename: string | null;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly auto_insert_metric_name: boolean;
  readonly ver: number | null;
  readonly result?: string;
  readonly error?: string | null;
}
interface ConstructorCase {
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly error: string | null;
}
interface RunCase {
  readonly monitor_sequence: readonly unknown[];
  readonly args: Readonly<Record<string, unknown>>;
  readonly trainer: Readonly<Record<string, unknown>>;
  readonly train_batches: number;
  readonly preexisting?: readonly string[];
  readonly history: readonly Readonly<Record<string, unknown>>[];
  readonly files: readonly string[];
  readonly best_model_path: string;
  readonly best_model_score: unknown;
  readonly last_model_path: string;
  readonly best_k_models: Readonly<Record<string, unknown>>;
  readonly kth_best_model_path: string;
  readonly error?: string;
}
interface StoppingCase {
  readonly sequence: readonly unknown[];
  readonly args: Readonly<Record<string, unknown>>;
  readonly checks: readonly {
    value: unknown;
    stop: boolean;
    reason: string | null;
    wait_count: number;
    best: unknown;
  }[];
  readonly epochs_run: number;
  readonly stopped_epoch: number;
  readonly state: Readonly<Record<string, unknown>>;
}
interface Recording {
  readonly format_checkpoint_name?: readonly NameCase[];
  readonly constructor?: readonly ConstructorCase[];
  readonly runs?: Readonly<Record<string, RunCase>>;
  readonly early_stopping?: readonly StoppingCase[];
}

function camelKeys(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [camelCase(key), value]));
}

/** Logs a scripted metric: in training steps when the callback saves by steps and watches it there, else in validation. */
class Scripted extends LightningModule<Tensor> {
  readonly l = new nn.Linear(1, 1);
  readonly #values: readonly unknown[];
  readonly #inTraining: boolean;
  #next = 0;

  constructor(values: readonly unknown[], inTraining: boolean) {
    super();
    this.#values = values;
    this.#inTraining = inTraining;
  }

  override forward(x: Tensor): Tensor {
    return this.l.call(x);
  }

  #value(): number {
    const value = this.#values[Math.min(this.#next++, this.#values.length - 1)];
    return recordedNumber(value) as number;
  }

  override trainingStep(batch: Tensor): Tensor {
    if (this.#inTraining) this.log("v", this.#value());
    return this.forward(batch).pow(2).mean();
  }

  override validationStep(): void {
    if (!this.#inTraining) this.log("v", this.#value());
  }

  override configureOptimizers() {
    return new optim.SGD(this.parameters(), { lr: 0.1 });
  }
}

export function data(trainBatches: number) {
  const ones = (count: number) => loader(count, () => tensor([[1]]));
  return { trainDataloaders: ones(trainBatches), valDataloaders: ones(1) };
}

// --- Names ---

function nameFailure(one: NameCase): string | undefined {
  const checkpoint = new ModelCheckpoint({
    dirpath: "/ck",
    filename: one.filename,
    autoInsertMetricName: one.auto_insert_metric_name,
  });
  const metrics = Object.fromEntries(
    Object.entries(one.metrics).map(([key, value]) => [key, recordedNumber(value) as number]),
  );
  let result: string;
  try {
    result = checkpoint.formatCheckpointName(metrics, undefined, one.ver ?? undefined);
  } catch (error) {
    return one.result === undefined ? undefined : `${JSON.stringify(one)}: ${(error as Error).message}`;
  }
  return result === one.result ? undefined : `${JSON.stringify(one)}: got ${result}`;
}

// --- Constructor ---

function constructorFailure(one: ConstructorCase): string | undefined {
  let error: string | undefined;
  try {
    new ModelCheckpoint(camelKeys(one.kwargs) as ModelCheckpointOptions);
  } catch (caught) {
    error = (caught as Error).message;
  }
  if ((error === undefined) === (one.error === null)) return undefined;
  return `${JSON.stringify(one.kwargs)}: expected ${one.error}, got ${error}`;
}

// --- Runs ---

/** Records what is saved and removed, in order. */
class RecordedTrainer extends Trainer {
  readonly history: Record<string, unknown>[] = [];
  root = "";

  override async saveCheckpoint(
    path: string,
    options: Parameters<TrainerView["saveCheckpoint"]>[1] = {},
  ): Promise<void> {
    this.history.push({ save: relative(this.root, path), epoch: this.currentEpoch, step: this.globalStep });
    await super.saveCheckpoint(path, options);
    for (const old of options.replaces ?? []) this.history.push({ remove: relative(this.root, old) });
  }
  override removeCheckpoint(path: string, root: string): void {
    this.history.push({ remove: relative(this.root, path) });
    super.removeCheckpoint(path, root);
  }
}

class EpochNamedLast extends ModelCheckpoint {
  static override checkpointNameLast = "{epoch}-last";
}

export function listFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .filter((name) => !lstatSync(join(dir, name)).isDirectory())
    .map((name) => {
      const path = join(dir, name);
      return lstatSync(path).isSymbolicLink() ? `${name} -> ${readlinkSync(path)}` : name;
    })
    .sort();
}

async function runFailures(name: string, one: RunCase): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), "checkpoints-"));
  try {
    for (const file of one.preexisting ?? []) writeFileSync(join(dir, file), "not a checkpoint of ours");
    const options = { ...(camelKeys(one.args) as ModelCheckpointOptions), dirpath: dir };
    const customLast = one.last_model_path.endsWith("-last.ckpt");
    const checkpoint = customLast ? new EpochNamedLast(options) : new ModelCheckpoint(options);
    const perStep = one.args["every_n_train_steps"] !== undefined && one.args["monitor"] !== undefined;
    const trainer = new RecordedTrainer({
      enableProgressBar: false,
      enableModelSummary: false,
      logger: false,
      numSanityValSteps: 0,
      ...trainerOptions(one.trainer),
      callbacks: [checkpoint],
      defaultRootDir: dir,
    });
    trainer.root = dir;
    let error: string | undefined;
    try {
      await trainer.fit(new Scripted(one.monitor_sequence, perStep), data(one.train_batches));
    } catch (caught) {
      error = (caught as Error).message;
    }
    return compareRun(name, one, dir, trainer, checkpoint, error);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function withoutLast(history: readonly Readonly<Record<string, unknown>>[]) {
  return history.filter(({ save, remove }) => !String(save ?? remove).startsWith("last"));
}

function compareRun(
  name: string,
  one: RunCase,
  dir: string,
  trainer: RecordedTrainer,
  checkpoint: ModelCheckpoint,
  error: string | undefined,
): string[] {
  const failures: string[] = [];
  const check = (what: string, expected: unknown, actual: unknown) => {
    if (!same(expected, actual)) {
      failures.push(`${name} ${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
    }
  };
  const local = (path: string) => (path === "" ? "" : relative(dir, path));
  const history = firstDifference(one.history, trainer.history);
  if (history !== undefined && deviations[name] !== undefined) {
    // The best are as recorded, and the last checkpoint holds the end of the training.
    const rest = firstDifference(withoutLast(one.history), withoutLast(trainer.history));
    if (rest !== undefined) failures.push(`${name} history without last ${rest}`);
    check("step of last", trainer.globalStep, inspectCheckpoint(join(dir, "last.ckpt")).summary.globalStep);
  } else if (history !== undefined) failures.push(`${name} history ${history}`);
  else if (deviations[name] !== undefined) failures.push(`${name} no longer deviates: ${deviations[name]}`);
  const files = listFiles(dir);
  const expected =
    deviations[name] === undefined ? one.files : [...one.files.filter((file) => file !== "last.ckpt"), "last.ckpt"];
  check("files", [...expected].sort(), files);
  check("best", one.best_model_path, local(checkpoint.bestModelPath));
  check("score", one.best_model_score, checkpoint.bestModelScore);
  check("last", one.last_model_path, local(checkpoint.lastModelPath));
  check("kth", one.kth_best_model_path, local(checkpoint.kthBestModelPath));
  const scores = [...checkpoint.bestKModels].map(([path, score]) => [local(path), score]);
  check("scores", one.best_k_models, Object.fromEntries(scores));
  check("error", one.error !== undefined, error !== undefined);
  return failures;
}

// --- Early stopping ---

/** Writes down each decision. */
class RecordedStopping extends EarlyStopping {
  readonly checks: Record<string, unknown>[] = [];

  override evaluate(value: number): { readonly stop: boolean; readonly reason: string | null } {
    const decision = super.evaluate(value);
    this.checks.push({ value, ...decision, wait_count: this.waitCount, best: this.bestScore });
    return decision;
  }
}

class EpochCounter extends Callback {
  count = 0;
  override onTrainEpochStart(): void {
    this.count++;
  }
}

async function stoppingFailures(one: StoppingCase, index: number): Promise<string[]> {
  const stopping = new RecordedStopping({ monitor: "v", ...(camelKeys(one.args) as Partial<EarlyStoppingOptions>) });
  const epochs = new EpochCounter();
  const trainer = quietTrainer({
    maxEpochs: one.sequence.length,
    numSanityValSteps: 0,
    enableCheckpointing: false,
    callbacks: [stopping, epochs],
  });
  await trainer.fit(new Scripted(one.sequence, false), data(1));
  const failures: string[] = [];
  const check = (what: string, expected: unknown, actual: unknown) => {
    if (!same(expected, actual)) {
      failures.push(`${index} ${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
    }
  };
  const difference = firstDifference(one.checks, stopping.checks);
  if (difference !== undefined) failures.push(`${index} ${JSON.stringify(one.args)} ${difference}`);
  check("epochs", one.epochs_run, epochs.count);
  check("stopped epoch", one.stopped_epoch, stopping.stoppedEpoch);
  const state = stopping.stateDict();
  for (const [key, expected] of Object.entries(one.state)) check(key, expected, state[camelCase(key)]);
  return failures;
}

// --- All of them ---

async function section<T>(
  name: string,
  cases: readonly T[],
  failuresOf: (one: T, index: number) => Promise<string[]> | string[],
): Promise<SectionResult> {
  const failures: string[] = [];
  let passed = 0;
  for (const [i, one] of cases.entries()) {
    const wrong = await failuresOf(one, i);
    if (wrong.length === 0) passed++;
    else failures.push(wrong.join("; "));
  }
  return { name: `checkpoints.${name}`, passed, total: cases.length, failures };
}

/** Checkpoint names, what survives of a run, and early stopping's decisions. */
export async function checkpointsConformance(dir: string): Promise<SectionResult[]> {
  if (!existsSync(join(dir, "checkpoints.json"))) return [];
  const recorded = readRecording<Recording>(dir, "checkpoints.json");
  const own = (key: keyof Recording) => Object.hasOwn(recorded, key);
  const results: SectionResult[] = [];
  const one = (failure: string | undefined) => (failure === undefined ? [] : [failure]);
  if (own("format_checkpoint_name")) {
    results.push(await section("names", recorded.format_checkpoint_name ?? [], (each) => one(nameFailure(each))));
  }
  if (own("constructor")) {
    results.push(await section("constructor", recorded.constructor ?? [], (each) => one(constructorFailure(each))));
  }
  if (own("runs")) {
    // Beside the runs there is a note on a constructor that failed.
    const runs = Object.entries(recorded.runs ?? {}).filter(
      ([name, each]) => typeof each?.args === "object" && !Object.hasOwn(deviations, name),
    );
    results.push(await section("runs", runs, ([name, each]) => runFailures(name, each)));
  }
  if (own("early_stopping")) {
    results.push(await section("early_stopping", recorded.early_stopping ?? [], stoppingFailures));
  }
  return results;
}
