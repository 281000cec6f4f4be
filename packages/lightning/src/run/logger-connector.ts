import type { LoopState } from "../checkpoint/checkpoint.ts";
import type { LoggedValue, LogOptions } from "../core/module.ts";
import type { Stage } from "../core/trainer-view.ts";
import type { Logger } from "../loggers/logger.ts";
import { emptyViews, type LoggableMetric, type MetricValues, type MetricViews } from "../metrics/logged-values.ts";
import type { Metric, MetricState } from "../metrics/metric.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { logRecipe } from "./log-rules.ts";
import type { Progress, RunState } from "./progress.ts";
import type { ResolvedOptions } from "./resolved-options.ts";
import { ResultCollection } from "./result-collection.ts";
import { SeenMetrics } from "./seen-metrics.ts";

/** Collects what modules and callbacks log, and hands it to callbacks, loggers and the progress bar when it is due. */
export class LoggerConnector {
  readonly loggers: readonly Logger[];
  readonly #state: RunState;
  readonly #progress: Progress;
  readonly #options: ResolvedOptions;
  readonly #strategy: Strategy;
  readonly #results: Readonly<Record<"train" | "validate" | "test", ResultCollection>>;
  readonly #seen: SeenMetrics;
  /** The hook that runs, by which `log()` finds its defaults. */
  #hook: string | undefined;
  /** The hook that logged last: another one's first value in an epoch starts anew. */
  #loggingHook: string | undefined;
  #iteration: "none" | "first" | "later" = "none";

  constructor(
    state: RunState,
    progress: Progress,
    options: ResolvedOptions,
    strategy: Strategy,
    loggers: readonly Logger[],
  ) {
    this.loggers = loggers;
    this.#state = state;
    this.#progress = progress;
    this.#options = options;
    this.#strategy = strategy;
    this.#seen = new SeenMetrics(progress);
    this.#results = {
      train: new ResultCollection(true),
      validate: new ResultCollection(false),
      test: new ResultCollection(false),
    };
  }

  #active(): ResultCollection | undefined {
    const collections: Readonly<Partial<Record<Stage, ResultCollection>>> = {
      train: this.#results.train,
      sanity_check: this.#results.validate,
      validate: this.#results.validate,
      test: this.#results.test,
    };
    return this.#state.stage === undefined ? undefined : collections[this.#state.stage];
  }

  enterHook(hook: string): string | undefined {
    const previous = this.#hook;
    this.#hook = hook;
    return previous;
  }

  leaveHook(previous: string | undefined): void {
    this.#hook = previous;
  }

  /** Drops what is logged from now on, or no longer. */
  muted = false;

  /** `LightningModule.log`. */
  log(name: string, value: LoggedValue, options: LogOptions): void {
    if (this.muted || this.#options.barebones) return;
    const results = this.#active();
    const hook = this.#hook;
    if (results === undefined || hook === undefined) {
      throw new MisconfigurationError(`You can't \`log(${name}, ...)\` now: no hook of a Trainer runs`);
    }
    const recipe = logRecipe(hook, name, value, options, results.dataloaderIdx);
    if (this.#loggingHook !== hook && this.#iteration !== "later") results.resetHook(hook);
    results.log(recipe, value, options.batchSize);
    this.#loggingHook = hook;
    this.#seen.logged(name);
  }

  /** Whether a value that callbacks see was measured in this batch, or with the weights of this step. */
  isCurrent(name: string): boolean {
    this.#collect();
    return this.#seen.isCurrent(name);
  }

  // --- Called by the loops ---

  onBatchStart(batch: unknown, dataloaderIdx?: number): void {
    this.#iteration = this.#iteration === "none" ? "first" : "later";
    const results = this.#active();
    if (results === undefined) return;
    results.batch = batch;
    results.batchSize = undefined;
    results.dataloaderIdx = dataloaderIdx;
  }

  onBatchEnd(): void {
    this.#collect();
    const results = this.#active();
    if (results === undefined) return;
    results.batch = undefined;
    results.batchSize = undefined;
  }

  /** The batches of the epoch are over: from here on values are those of the epoch. */
  epochEndReached(): void {
    this.#iteration = "none";
  }

  evaluationEpochEnd(): void {
    const results = this.#active();
    if (results !== undefined) results.dataloaderIdx = undefined;
  }

  onEpochEnd(): void {
    this.#collect();
    this.#loggingHook = undefined;
  }

  /** Validation interrupts a training epoch: what the batch loop was at must be found again. */
  suspend(): () => void {
    const iteration = this.#iteration;
    return () => {
      this.#iteration = iteration;
    };
  }

  // --- Distributed runs: values are exchanged here, at points that all ranks reach, and nowhere else ---

  /**
   * Makes the epoch's values those of all ranks: what batches logged, what was logged with `syncDist`, and the metric
   * objects, whose `compute()` then gives the value over all ranks.
   */
  async synchronizeEpoch(metrics: ReadonlyMap<string, Metric<unknown>>): Promise<void> {
    const results = this.#active();
    if (!isDistributed(this.#strategy) || results === undefined) return;
    const states = [...metrics].map(([name, metric]) => [name, metric.state()] as [string, MetricState]);
    const ranks = await this.#strategy.allGather({ values: results.rankValues(), states });
    results.takeRankValues(ranks.map(({ values }) => values));
    const byRank = ranks.map((rank) => new Map(rank.states));
    for (const [name, metric] of metrics) metric.takeRanks(byRank.map((of) => of.get(name) ?? {}));
  }

  /** Makes the values of a training step those of all ranks, where that was asked for. */
  async synchronizeStep(): Promise<void> {
    const results = this.#active();
    if (!isDistributed(this.#strategy) || results === undefined) return;
    const own = results.stepValues();
    if (own.length > 0) results.takeStepValues(await this.#strategy.allGather(own));
  }

  #views(): MetricViews {
    return this.#active()?.views(this.#iteration !== "none") ?? emptyViews();
  }

  #collect(): MetricViews {
    const views = this.#views();
    this.#seen.update(views, this.#iteration !== "none");
    return views;
  }

  // --- Sent to the loggers ---

  get shouldUpdateLogs(): boolean {
    const { logEveryNSteps } = this.#options;
    if (logEveryNSteps === 0) return false;
    const step = this.#state.fn === "fit" ? this.#progress.batchesThatStepped + 1 : this.#progress.batchesReady;
    return step % logEveryNSteps === 0 || this.#state.shouldStop;
  }

  updateTrainStepMetrics(accumulating: boolean): void {
    if (accumulating) return;
    if (this.shouldUpdateLogs || this.#options.fastDevRun !== false) this.logMetrics(this.#views().logged);
  }

  updateTrainEpochMetrics(): void {
    this.logMetrics(this.#views().logged);
    this.resetResults();
  }

  updateEvalStepMetrics(step: number): void {
    this.logMetrics(this.#views().logged, step);
  }

  updateEvalEpochMetrics(): MetricValues {
    if (this.#state.stage === "sanity_check") return {};
    return this.#collect().logged;
  }

  logEvalEndMetrics(metrics: MetricValues): void {
    if (this.#state.stage !== "sanity_check") this.logMetrics(metrics);
  }

  /** Sends values to every logger, at the step given or at the training's. */
  logMetrics(metrics: Readonly<MetricValues>, step?: number): void {
    if (this.loggers.length === 0 || Object.keys(metrics).length === 0) return;
    Object.assign(this.#seen.views.logged, metrics);
    const values: MetricValues = { ...metrics };
    let at = step;
    if (at === undefined) {
      const own = values["step"];
      if (own !== undefined) {
        delete values["step"];
        at = Math.trunc(own);
      } else {
        values["epoch"] ??= this.#progress.epoch;
        at = this.#progress.batchesThatStepped;
      }
    }
    for (const logger of this.loggers) {
      logger.logMetrics(values, at);
      logger.save();
    }
  }

  // --- Read by callbacks ---

  get callbackMetrics(): MetricValues {
    this.#collect();
    return this.#seen.views.callback;
  }

  get loggedMetrics(): MetricValues {
    this.#collect();
    return this.#seen.views.logged;
  }

  get progressBarMetrics(): MetricValues {
    this.#collect();
    return this.#seen.views.progressBar;
  }

  /** Adds values of a callback's own to those that callbacks see. */
  addCallbackMetrics(values: Readonly<MetricValues>): void {
    this.#seen.addCallbackMetrics(values);
  }

  snapshotMetrics(): MetricViews {
    return this.#seen.snapshot();
  }

  restoreMetrics(snapshot: MetricViews): void {
    this.#seen.restore(snapshot);
  }

  resetMetrics(): void {
    this.#seen.reset();
  }

  resetResults(): void {
    this.#active()?.reset();
    this.#iteration = "none";
    this.#loggingHook = undefined;
  }

  resetAll(): void {
    for (const results of Object.values(this.#results)) results.reset();
    // A hook that threw has not left.
    this.#hook = undefined;
    this.#iteration = "none";
    this.#loggingHook = undefined;
  }

  /** The metric objects that validation has logged and is about to reset. */
  validatedMetrics(): ReadonlySet<object> {
    return this.#results.validate.metrics();
  }

  /** Remembers what the stage has logged so far. @returns what goes back to it */
  mark(): () => void {
    return this.#active()?.mark() ?? (() => {});
  }

  // --- Checkpoints ---

  save(pathOf: (metric: object) => string | undefined): Pick<LoopState, "results" | "metrics" | "current"> {
    return {
      results: this.#results.train.stateDict(pathOf),
      metrics: this.snapshotMetrics(),
      current: Object.keys(this.#seen.views.callback).filter((name) => this.#seen.isCurrent(name)),
    };
  }

  load(
    state: Pick<LoopState, "results" | "metrics" | "current">,
    midEpoch: boolean,
    metricAt: (path: string) => LoggableMetric | undefined,
  ): void {
    this.#results.train.loadStateDict(state.results, metricAt);
    this.#seen.restore(state.metrics, state.current);
    // A batch of this epoch has run: values logged next are added to the epoch's, not the first of a new one.
    if (midEpoch) this.#iteration = "later";
  }
}
