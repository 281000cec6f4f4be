import { inferenceMode, noGrad, scope } from "@classifier-training/torch";
import type { BatchLoader } from "../data/batch-loader.ts";
import { type MetricValues, noValues } from "../metrics/logged-values.ts";
import { MixedPrecision } from "../precision/plugins.ts";
import type { FitRun } from "../run/fit-run.ts";
import { findMetrics } from "../run/module-metrics.ts";
import { isAsyncFunction, refuseAsync } from "../run/optimization.ts";
import { limitedBatches } from "../run/resolved-options.ts";
import { isolateRng } from "../run/rng.ts";
import { StageMark } from "../run/stage-mark.ts";
import { BatchSource, EventLoopYielder } from "./batch-source.ts";
import { disposeOutputs, disposeTransferred } from "./dispose.ts";

type Kind = "validate" | "test";

const names = {
  validate: {
    loader: "valDataloader",
    step: "validationStep",
    start: "onValidationStart",
    end: "onValidationEnd",
    epochStart: "onValidationEpochStart",
    epochEnd: "onValidationEpochEnd",
    batchStart: "onValidationBatchStart",
    batchEnd: "onValidationBatchEnd",
    eval: "onValidationModelEval",
    train: "onValidationModelTrain",
  },
  test: {
    loader: "testDataloader",
    step: "testStep",
    start: "onTestStart",
    end: "onTestEnd",
    epochStart: "onTestEpochStart",
    epochEnd: "onTestEpochEnd",
    batchStart: "onTestBatchStart",
    batchEnd: "onTestBatchEnd",
    eval: "onTestModelEval",
    train: "onTestModelTrain",
  },
} as const;

/** Evaluates a module on its validation or test loaders, each sample once. */
export class EvaluationLoop {
  readonly #run: FitRun;
  readonly #kind: Kind;
  #loaders: readonly BatchLoader<unknown>[] | undefined;
  #loadedEpoch = Number.NEGATIVE_INFINITY;
  /** Whether it has evaluated anything in this training, sanity checks aside. */
  hasRun = false;
  /** Batches by loader. */
  batches: readonly number[] = [];
  readonly #yielder = new EventLoopYielder();

  constructor(run: FitRun, kind: Kind) {
    this.#run = run;
    this.#kind = kind;
  }

  /** Whether the module and the data have what it takes. */
  get enabled(): boolean {
    const { module, data } = this.#run;
    const { step, loader } = names[this.#kind];
    return typeof module[step] === "function" && data.has(loader) && this.#limit !== 0;
  }

  get #limit() {
    const { limitTestBatches, limitValBatches } = this.#run.options;
    return this.#kind === "test" ? limitTestBatches : limitValBatches;
  }

  /** Forgets loaders of an earlier call. */
  reset(): void {
    this.#loaders = undefined;
    this.#loadedEpoch = Number.NEGATIVE_INFINITY;
    this.hasRun = false;
    this.batches = [];
  }

  /**
   * A few validation batches before training, so that a fault there does not wait for the end of an epoch.
   * @returns the names that were logged; undefined when nothing was checked
   */
  async sanityCheck(): Promise<readonly string[] | undefined> {
    const { options, hooks, log, state, module, checkpoints } = this.#run;
    if (!this.enabled || options.numSanityValSteps === 0 || this.#resumesWithinEpoch()) return undefined;
    const resumedMetrics = checkpoints.path === undefined ? undefined : log.snapshotMetrics();
    const metrics = [...findMetrics(module)].map(([, metric]) => [metric, metric.stateDict()] as const);
    const resume = log.suspend();
    state.stage = "sanity_check";
    await isolateRng(async () => {
      await hooks.callbacks("onSanityCheckStart");
      await this.run();
      await hooks.callbacks("onSanityCheckEnd");
    });
    const checked = Object.keys(log.callbackMetrics);
    log.resetResults();
    log.resetMetrics();
    if (resumedMetrics !== undefined) log.restoreMetrics(resumedMetrics);
    for (const [metric, saved] of metrics) metric.loadStateDict(saved);
    state.stage = undefined;
    resume();
    return checked;
  }

  /** As in Lightning, a run that is resumed there, or one that goes by steps, is not checked again. */
  #resumesWithinEpoch(): boolean {
    const { options, progress, checkpoints } = this.#run;
    if (checkpoints.path === undefined) return false;
    const bySteps = options.maxEpochs === -1 && options.maxSteps !== -1;
    return bySteps || (progress.phase !== "betweenEpochs" && progress.phase !== "epochEnd");
  }

  async setUpData(): Promise<void> {
    const { state, options, data, progress } = this.#run;
    const every = options.reloadDataloadersEveryNEpochs;
    const reload = every > 0 && progress.epoch - this.#loadedEpoch >= every;
    if (this.#loaders !== undefined && state.fn === "fit" && !reload) return;
    if (!this.enabled) return;
    this.#loaders = await data.request(names[this.#kind].loader);
    this.#loadedEpoch = progress.epoch;
    const stage = this.#kind === "test" ? "test" : "val";
    this.batches = this.#loaders.map((loader) => limitedBatches(loader.length, this.#limit, stage));
  }

  /** The number of batches that a run of it takes, by loader. */
  get plannedBatches(): readonly number[] {
    if (this.#run.state.stage !== "sanity_check") return this.batches;
    return this.batches.map((count) => Math.min(count, this.#run.options.numSanityValSteps));
  }

  /** @returns what was logged, by loader */
  async run(): Promise<readonly MetricValues[]> {
    const { state } = this.#run;
    await this.setUpData();
    const planned = this.plannedBatches;
    const enabled = this.#loaders !== undefined && planned.some((count) => count > 0);
    // A rank without a batch of its own takes part in what follows the batches.
    const [anywhere] = await this.#run.strategy.anyOf([enabled]);
    if (this.#loaders === undefined || anywhere !== true) return [];
    // In training, a checkpoint of this time stands before the validation; afterwards it starts with fresh metrics.
    const mark = new StageMark(this.#run, findMetrics(this.#run.module));
    if (state.fn === "fit" && state.stage === "validate") this.#run.pinned = mark;
    try {
      const outputs = await this.#evaluate(this.#loaders, planned);
      mark.dispose();
      return outputs;
    } catch (error) {
      if (this.#run.progress.phase !== "validationEnd") mark.rollback();
      throw error;
    }
  }

  async #evaluate(
    loaders: readonly BatchLoader<unknown>[],
    planned: readonly number[],
  ): Promise<readonly MetricValues[]> {
    const { hooks, log, state, profiler } = this.#run;
    const name = names[this.#kind];
    profiler.start(state.stage ?? this.#kind);
    await hooks.module(name.eval);
    await hooks.both(name.start);
    await hooks.both(name.epochStart);
    const outputs: MetricValues[] = [];
    const several = loaders.length > 1;
    for (const [index, loader] of loaders.entries()) {
      await this.#runLoader(loader, planned[index] ?? 0, index, several);
      log.epochEndReached();
      await log.synchronizeEpoch(findMetrics(this.#run.module));
      outputs.push(Object.assign(noValues(), log.updateEvalEpochMetrics()));
    }
    log.evaluationEpochEnd();
    await hooks.both(name.epochEnd);
    await log.synchronizeEpoch(new Map());
    log.onEpochEnd();
    const atEnd = log.updateEvalEpochMetrics();
    // A name that several loaders logged keeps the first one's value, as Lightning's ChainMap does.
    const all: MetricValues = Object.assign(noValues(), ...[...outputs].reverse(), atEnd);
    for (const values of outputs) Object.assign(values, atEnd);
    log.logEvalEndMetrics(all);
    if (state.fn === "fit" && state.stage === "validate") {
      this.#run.progress.phase = "validationEnd";
      this.#run.pinned = undefined;
    }
    await hooks.both(name.end);
    log.resetResults();
    await hooks.module(name.train);
    profiler.stop(state.stage ?? this.#kind);
    return outputs;
  }

  async #runLoader(loader: BatchLoader<unknown>, count: number, index: number, several: boolean): Promise<void> {
    const { progress, state, options } = this.#run;
    const epoch = state.fn === "fit" && !options.overfit ? progress.epoch : 0;
    const source = new BatchSource(loader, count, { epoch, startBatch: 0 });
    try {
      for (let batchIdx = 0; ; batchIdx++) {
        const next = await source.next();
        if (next === undefined) break;
        await this.#runBatch(next.batch, batchIdx, index, several, loader.keepsBatches === true);
        await this.#yielder.maybeYield();
        if (state.fn === "fit") this.#run.signals.check();
      }
    } finally {
      await source.close();
    }
  }

  async #runBatch(original: unknown, batchIdx: number, index: number, several: boolean, keep: boolean): Promise<void> {
    const { hooks, log, data, strategy, precision, progress, state } = this.#run;
    const name = names[this.#kind];
    const batch = await data.transfer(original, strategy.rootDevice, precision.inputDtype, index);
    const where = several ? ([batchIdx, index] as const) : ([batchIdx] as const);
    log.onBatchStart(batch, several ? index : undefined);
    await hooks.both(name.batchStart, batch, ...(where as readonly [number]));
    const output = await this.#step(batch, where);
    await hooks.both(name.batchEnd, output, batch, ...(where as readonly [number]));
    log.onBatchEnd();
    if (state.stage !== "sanity_check") {
      this.hasRun = true;
      const step = progress.evaluationSteps[index] ?? 0;
      log.updateEvalStepMetrics(step);
      progress.evaluationSteps[index] = step + 1;
    }
    disposeOutputs(output);
    if (!keep) disposeTransferred(original, batch);
  }

  async #step(batch: unknown, where: readonly number[]): Promise<unknown> {
    const { hooks, module, precision, state, options } = this.#run;
    const { step } = names[this.#kind];
    if (isAsyncFunction(module[step])) {
      refuseAsync(step, precision instanceof MixedPrecision);
      return hooks.module(step, batch, ...where);
    }
    const withoutGrad = state.fn !== "fit" && options.inferenceMode ? inferenceMode : noGrad;
    return withoutGrad(() => scope(() => precision.forward(() => hooks.module(step, batch, ...where))));
  }
}
