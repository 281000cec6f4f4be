import { getLogger } from "@classifier-training/base";
import { setCudnnBenchmark, useDeterministicAlgorithms } from "@classifier-training/torch";
import type { RunIdentity } from "../checkpoint/run-signature.ts";
import { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import type { LoaderSource } from "../data/batch-loader.ts";
import type { EvaluationLoop } from "../loops/evaluation-loop.ts";
import type { MetricValues } from "../metrics/logged-values.ts";
import { checkMetricNames } from "../run/configuration-validator.ts";
import { makeComponents } from "./components.ts";
import { parseTrainerOptions, type TrainerOptions } from "./options.ts";
import { resolveOptions } from "./resolve-options.ts";
import { RunView } from "./run-view.ts";

const log = getLogger("lightning.trainer");

export interface FitArguments {
  readonly trainDataloaders?: LoaderSource;
  readonly valDataloaders?: LoaderSource;
  readonly datamodule?: LightningDataModule | undefined;
  /** null starts anew; "last" resumes when there is something to resume; "best", or a path. */
  readonly ckptPath?: string | null;
  /** Whose run this is, for a program that keeps records of runs; otherwise a new run of a random id. */
  readonly run?: RunIdentity | undefined;
}

export interface EvaluateArguments {
  readonly dataloaders?: LoaderSource;
  readonly datamodule?: LightningDataModule | undefined;
  /** Without a module, null means "best". */
  readonly ckptPath?: string | null;
  /** Print what was measured (default true). */
  readonly verbose?: boolean;
}

export interface PredictArguments extends Omit<EvaluateArguments, "verbose"> {
  readonly returnPredictions?: boolean;
}

/** Trains, evaluates and applies a module. */
export class Trainer extends RunView {
  /** @throws MisconfigurationError for an unknown option (naming the nearest), a wrong value, or a contradiction */
  constructor(options: TrainerOptions = {}) {
    const parsed = parseTrainerOptions(options);
    const resolved = resolveOptions(parsed);
    super(resolved, makeComponents(parsed, resolved));
    const { benchmark, deterministic } = resolved;
    if (benchmark !== null) setCudnnBenchmark(benchmark);
    if (deterministic !== false) useDeterministicAlgorithms(true, { warnOnly: deterministic === "warn" });
  }

  /** Trains a module, validating on the way. */
  async fit(module: LightningModule, data: LightningDataModule | FitArguments = {}): Promise<void> {
    const { trainDataloaders, valDataloaders, datamodule, ckptPath = null, run } = asArguments<FitArguments>(data);
    const { fit, validation } = this.loops;
    validation.reset();
    fit.reset();
    const loaders = { trainDataloader: trainDataloaders, valDataloader: valDataloaders };
    await this.fitRun.run({ fn: "fit", module, datamodule, loaders, ckptPath, identity: run }, async () => {
      const checked = await validation.sanityCheck();
      checkMetricNames(this.fitRun, { checked, validates: validation.enabled });
      this.fitRun.state.stage = "train";
      this.fitRun.lastCheckpoint.startClock();
      await fit.run();
    });
  }

  /** Evaluates on the validation data. @returns what was logged, by loader */
  validate(module?: LightningModule, data: LightningDataModule | EvaluateArguments = {}): Promise<MetricValues[]> {
    return this.#evaluate("validate", this.loops.validate, module, asArguments(data), "valDataloader");
  }

  /** Evaluates on the test data. @returns what was logged, by loader */
  test(module?: LightningModule, data: LightningDataModule | EvaluateArguments = {}): Promise<MetricValues[]> {
    return this.#evaluate("test", this.loops.test, module, asArguments(data), "testDataloader");
  }

  async #evaluate(
    fn: "validate" | "test",
    loop: EvaluationLoop,
    module: LightningModule | undefined,
    { dataloaders, datamodule, ckptPath = null, verbose = true }: EvaluateArguments,
    hook: "valDataloader" | "testDataloader",
  ): Promise<MetricValues[]> {
    loop.reset();
    let results: readonly MetricValues[] = [];
    const loaders = { [hook]: dataloaders };
    await this.fitRun.run({ fn, module, datamodule, loaders, ckptPath }, async () => {
      this.fitRun.state.stage = fn;
      results = await loop.run();
    });
    if (verbose && this.isGlobalZero && !this.options.barebones) printResults(fn, results);
    return [...results];
  }

  /** Applies the module to the prediction data. @returns predictions by batch (with several loaders, a list of these) */
  async predict(
    module?: LightningModule,
    data: LightningDataModule | PredictArguments = {},
  ): Promise<unknown[] | undefined> {
    const { dataloaders, datamodule, ckptPath = null, returnPredictions = true } = asArguments<PredictArguments>(data);
    let predictions: unknown[] = [];
    const loaders = { predictDataloader: dataloaders };
    await this.fitRun.run({ fn: "predict", module, datamodule, loaders, ckptPath }, async () => {
      this.fitRun.state.stage = "predict";
      predictions = await this.loops.predict.run(returnPredictions);
    });
    return returnPredictions ? predictions : undefined;
  }
}

function asArguments<T extends object>(data: LightningDataModule | T): T {
  return data instanceof LightningDataModule ? ({ datamodule: data } as unknown as T) : data;
}

function printResults(fn: string, results: readonly MetricValues[]): void {
  for (const [i, metrics] of results.entries()) {
    const names = Object.keys(metrics);
    if (names.length === 0) continue;
    const width = Math.max(...names.map((name) => name.length));
    const title = results.length > 1 ? `${fn} (loader ${i})` : fn;
    const lines = names.map((name) => `  ${name.padEnd(width)}  ${metrics[name]}`);
    log.info([`${title}:`, ...lines].join("\n"));
  }
}
