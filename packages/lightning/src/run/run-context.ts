import type { Callback } from "../core/callback.ts";
import type { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import type { Precision } from "../precision/precision.ts";
import type { Profiler } from "../profilers/profiler.ts";
import type { Strategy } from "../strategies/strategy.ts";
import type { DataConnector } from "./data-connector.ts";
import type { DivergenceGuard } from "./divergence.ts";
import type { HookCaller } from "./hook-caller.ts";
import type { LoggerConnector } from "./logger-connector.ts";
import type { Optimization } from "./optimization.ts";
import type { Progress, RunState } from "./progress.ts";
import type { Settings } from "./settings.ts";
import type { SignalConnector } from "./signal-connector.ts";
import type { StageMark } from "./stage-mark.ts";

/** The parts of a trainer, as its loops use them. The loops know these and not the Trainer. */
export interface RunContext {
  readonly options: Settings;
  readonly state: RunState;
  readonly progress: Progress;
  readonly hooks: HookCaller;
  readonly log: LoggerConnector;
  readonly data: DataConnector;
  readonly precision: Precision;
  readonly strategy: Strategy;
  readonly profiler: Profiler;
  readonly signals: SignalConnector;
  readonly optimization: Optimization;
  readonly divergence: DivergenceGuard;
  callbacks: readonly Callback[];
  module: LightningModule;
  datamodule: LightningDataModule | undefined;
  /** Whether the last checkpoint is older than it may be in the middle of an epoch. */
  isSaveDue: () => boolean;
  /** What a checkpoint must hold of generators, metrics and loggers when these have moved on since its place in the training. */
  pinned: StageMark | undefined;
}
