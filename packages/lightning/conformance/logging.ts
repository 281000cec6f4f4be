import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nn, optim, type Tensor, tensor } from "@classifier-training/torch";
import {
  Callback,
  type FinalStatus,
  type Hyperparams,
  LearningRateMonitor,
  LightningModule,
  Logger,
  MeanMetric,
  type TrainerView,
} from "../src/index.ts";
import { type LoggingScript, loggingScripts } from "./logging-scripts.ts";
import type { SectionResult } from "./metrics.ts";
import { firstDifference, loader, quietTrainer, readRecording, same, trainerOptions } from "./support.ts";

interface Scenario {
  readonly trainer?: Readonly<Record<string, unknown>>;
  readonly train_batches?: number;
  readonly val_batches?: number;
  readonly batch_size?: number;
  readonly logger_events?: readonly unknown[];
  readonly trainer_metrics?: readonly unknown[];
  readonly error?: string;
  readonly returned?: readonly unknown[];
}

/** Keeps the calls of a logger, as the recordings have it. */
class RecordingLogger extends Logger {
  readonly name = "recording";
  readonly version = 0;
  readonly saveDir = undefined;
  readonly events: unknown[] = [];

  logHyperparams(params: Hyperparams): void {
    this.events.push({ log_hyperparams: { ...params } });
  }
  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    this.events.push({ log_metrics: { ...metrics }, step });
  }
  override logGraph(): void {
    this.events.push({ log_graph: 1 });
  }
  override save(): void {
    this.events.push({ save: 1 });
  }
  finalize(status: FinalStatus): void {
    this.events.push({ finalize: status });
  }
}

/** Takes snapshots of what callbacks see. */
class Snapshots extends Callback {
  readonly taken: unknown[] = [];

  #take(at: string, trainer: TrainerView): void {
    this.taken.push({
      at: `cb.${at}`,
      epoch: trainer.currentEpoch,
      step: trainer.globalStep,
      callback_metrics: { ...trainer.callbackMetrics },
      logged_metrics: { ...trainer.loggedMetrics },
      progress_bar_metrics: { ...trainer.progressBarMetrics },
    });
  }
  override onTrainBatchEnd(trainer: TrainerView): void {
    this.#take("on_train_batch_end", trainer);
  }
  override onTrainEpochEnd(trainer: TrainerView): void {
    this.#take("on_train_epoch_end", trainer);
  }
  override onValidationEpochEnd(trainer: TrainerView): void {
    this.#take("on_validation_epoch_end", trainer);
  }
  override onValidationEnd(trainer: TrainerView): void {
    this.#take("on_validation_end", trainer);
  }
  override onTestEpochEnd(trainer: TrainerView): void {
    this.#take("on_test_epoch_end", trainer);
  }
  override onFitEnd(trainer: TrainerView): void {
    this.#take("on_fit_end", trainer);
  }
  override onTestEnd(trainer: TrainerView): void {
    this.#take("on_test_end", trainer);
  }
}

export class LoggingModule extends LightningModule<Tensor> {
  readonly l = new nn.Linear(1, 1);
  readonly mean = new MeanMetric();
  readonly #script: LoggingScript;

  constructor(script: LoggingScript) {
    super();
    this.#script = script;
    script.begin?.(this);
  }

  override forward(x: Tensor): Tensor {
    return this.l.call(x);
  }
  override trainingStep(batch: Tensor, batchIdx: number): Tensor {
    this.#script.train?.(this, batch.mean().item(), batchIdx);
    return this.forward(batch).pow(2).mean();
  }
  override validationStep(batch: Tensor): void {
    this.#script.validate?.(this, batch.mean().item());
  }
  override testStep(batch: Tensor): void {
    this.#script.test?.(this, batch.mean().item());
  }
  override onTrainEpochEnd(): void {
    this.#script.trainEpochEnd?.(this);
  }
  override configureOptimizers() {
    return this.#script.optimizers?.(this) ?? new optim.SGD(this.parameters(), { lr: 0.1 });
  }
}

function batches(count: number, size: number, from: number, uneven: boolean) {
  return loader(count, (i) => {
    const samples = uneven && i === count - 1 ? 1 : size;
    return tensor(Array.from({ length: samples }, (_, k) => [from + i * size + k]));
  });
}

async function play(name: string, scenario: Scenario, script: LoggingScript): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), "logging-"));
  const logger = new RecordingLogger();
  const snapshots = new Snapshots();
  const uneven = name.startsWith("train_mean_");
  const { train_batches: train = 4, val_batches: val = 2, batch_size: size = 1 } = scenario;
  const monitor = script.monitor === undefined ? [] : [new LearningRateMonitor(script.monitor)];
  let raised: string | undefined;
  let returned: unknown;
  try {
    const trainer = quietTrainer({
      ...trainerOptions(scenario.trainer ?? { max_epochs: 1 }),
      defaultRootDir: dir,
      enableCheckpointing: false,
      logger: scenario.trainer === undefined ? false : logger,
      callbacks: [...monitor, snapshots],
    });
    const module = new LoggingModule(script);
    const validation = [
      batches(val, size, 100, uneven),
      ...(script.secondLoader ? [batches(val, size, 200, false)] : []),
    ];
    const valDataloaders = script.secondLoader ? validation : (validation[0] as (typeof validation)[number]);
    if (name === "test_loop") returned = await trainer.test(module, { dataloaders: valDataloaders, verbose: false });
    else if (name === "validate_loop") {
      returned = await trainer.validate(module, { dataloaders: valDataloaders, verbose: false });
    } else await trainer.fit(module, { trainDataloaders: batches(train, size, 0, uneven), valDataloaders });
  } catch (error) {
    raised = (error as Error).message;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const failures: string[] = [];
  const check = (what: string, expected: readonly unknown[] | undefined, actual: readonly unknown[]) => {
    const difference = expected === undefined ? undefined : firstDifference(expected, actual);
    if (difference !== undefined) failures.push(`${what} ${difference}`);
  };
  check("logger", scenario.logger_events, logger.events);
  check(
    "metrics",
    scenario.trainer_metrics,
    scenario.error === undefined ? snapshots.taken : (scenario.trainer_metrics ?? []),
  );
  if ((scenario.error === undefined) !== (raised === undefined))
    failures.push(`raised ${raised}, expected ${scenario.error}`);
  if (scenario.returned !== undefined && !same(scenario.returned, returned)) {
    failures.push(`returned ${JSON.stringify(returned)}, expected ${JSON.stringify(scenario.returned)}`);
  }
  return failures;
}

/** What loggers and callbacks receive for each form of `log()`. */
export async function loggingConformance(dir: string): Promise<SectionResult[]> {
  if (!existsSync(join(dir, "lightning_logging.json"))) return [];
  const recorded = readRecording<Record<string, Scenario>>(dir, "lightning_logging.json");
  const failures: string[] = [];
  let total = 0;
  let passed = 0;
  for (const [name, scenario] of Object.entries(recorded)) {
    if (name.startsWith("_")) continue;
    total++;
    const script = loggingScripts[name];
    const wrong = script === undefined ? ["there is no script for this scenario"] : await play(name, scenario, script);
    if (wrong.length === 0) passed++;
    else failures.push(`${name}: ${wrong.join("; ")}`);
  }
  return [{ name: "logging", passed, total, failures }];
}
