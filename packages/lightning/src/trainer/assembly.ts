import { internalError } from "@classifier-training/base";
import type { Callback } from "../core/callback.ts";
import type { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { selectPrecision } from "../precision/plugins.ts";
import type { Precision } from "../precision/precision.ts";
import { ChromeTraceProfiler } from "../profilers/chrome-trace.ts";
import { type Profiler, passThroughProfiler } from "../profilers/profiler.ts";
import { SimpleProfiler } from "../profilers/simple.ts";
import { DataConnector } from "../run/data-connector.ts";
import { DivergenceGuard } from "../run/divergence.ts";
import { HookCaller } from "../run/hook-caller.ts";
import { LoggerConnector } from "../run/logger-connector.ts";
import { Optimization } from "../run/optimization.ts";
import { Progress, RunState } from "../run/progress.ts";
import type { RunContext } from "../run/run-context.ts";
import { resolveSettings, type Settings } from "../run/settings.ts";
import { SignalConnector } from "../run/signal-connector.ts";
import type { StageMark } from "../run/stage-mark.ts";
import { selectStrategy } from "../strategies/select.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { configureLoggers } from "./callback-connector.ts";
import type { TrainerOptions } from "./options.ts";

/** The parts of one trainer, made from its options. */
export class Assembly implements RunContext {
  readonly options: Settings;
  readonly state = new RunState();
  readonly progress = new Progress();
  readonly hooks: HookCaller;
  readonly log: LoggerConnector;
  readonly data: DataConnector;
  readonly strategy: Strategy;
  readonly precision: Precision;
  readonly profiler: Profiler;
  readonly signals: SignalConnector;
  readonly optimization: Optimization;
  readonly divergence = new DivergenceGuard(this);
  callbacks: readonly Callback[] = [];
  datamodule: LightningDataModule | undefined;
  isSaveDue = (): boolean => false;
  pinned: StageMark | undefined;
  #module: LightningModule | undefined;

  constructor(options: TrainerOptions, trainer: TrainerView) {
    this.options = resolveSettings(options);
    this.strategy = selectStrategy(options);
    this.signals = new SignalConnector(isDistributed(this.strategy));
    this.data = new DataConnector(this.strategy, options.useDistributedSampler);
    this.precision = selectPrecision(options.precision, this.strategy.rootDevice);
    this.profiler = selectProfiler(options.profiler, this.options.defaultRootDir);
    this.log = new LoggerConnector(
      this.state,
      this.progress,
      {
        logEveryNSteps: this.options.logEveryNSteps,
        fastDevRun: this.options.fastDevRun !== false,
        barebones: this.options.barebones,
      },
      this.strategy,
    );
    // Rank 0 speaks for all.
    if (this.strategy.globalRank === 0) this.log.loggers.push(...configureLoggers(options, this.options));
    this.hooks = new HookCaller(trainer, this.log);
    if (this.profiler !== passThroughProfiler) {
      this.hooks.observe((owner, hook, start) => {
        if (start) this.profiler.start(`${owner}.${hook}`);
        else this.profiler.stop(`${owner}.${hook}`);
      });
    }
    this.optimization = new Optimization(this, options.accumulateGradBatches);
  }

  get module(): LightningModule {
    if (this.#module === undefined) throw internalError("the trainer's module was read before it was given");
    return this.#module;
  }

  set module(module: LightningModule) {
    this.#module = module;
  }

  get hasModule(): boolean {
    return this.#module !== undefined;
  }
}

function selectProfiler(option: TrainerOptions["profiler"], rootDir: string): Profiler {
  if (option === null) return passThroughProfiler;
  // Python's "advanced" profiles functions; for those Node has `--cpu-prof`.
  if (option === "simple" || option === "advanced") return new SimpleProfiler();
  if (option === "chrome" || option === "pytorch") return new ChromeTraceProfiler({ dirpath: rootDir });
  return option;
}
