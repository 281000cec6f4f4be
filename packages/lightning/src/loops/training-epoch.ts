import { getLogger } from "@classifier-training/base";
import { governor } from "@classifier-training/torch";
import type { StepOutputs } from "../core/module.ts";
import type { FitRun } from "../run/fit-run.ts";
import { findMetrics } from "../run/module-metrics.ts";
import { agreeOnEnd } from "../run/rank-agreement.ts";
import { StageMark } from "../run/stage-mark.ts";
import { isDistributed } from "../strategies/strategy.ts";
import { type BatchSource, EventLoopYielder } from "./batch-source.ts";
import { disposeOutputs, disposeTransferred } from "./dispose.ts";

const log = getLogger("lightning.fit");

/** What an epoch asks of the loop around it. */
interface EpochHost {
  shouldValidate(): boolean;
  validate(): Promise<void>;
  canStopEarly(): boolean;
}

/** The batches of one epoch, and the validations among them. */
export class TrainingEpoch {
  readonly #run: FitRun;
  readonly #host: EpochHost;
  readonly #yielder = new EventLoopYielder();
  #metrics: ReturnType<typeof findMetrics> = new Map();
  /** Of all epochs so far. */
  readonly stats = { waitMs: 0, batches: 0, images: 0 };
  /** Whether optimizers have taken a step of this training, and have their whole state. */
  #hasStepped = false;

  constructor(run: FitRun, host: EpochHost) {
    this.#run = run;
    this.#host = host;
  }

  /** Whether this batch only adds to the gradients. */
  get accumulating(): boolean {
    const { progress, optimization } = this.#run;
    return progress.batchesReady % optimization.accumulateGradBatches !== 0 && !progress.allBatchesReady;
  }

  /** Begins a training. */
  reset(): void {
    this.#hasStepped = false;
  }

  async run(source: BatchSource, keepBatches: boolean, resumed: boolean): Promise<void> {
    this.#metrics = findMetrics(this.#run.module);
    if (resumed) await this.#finishInterruptedBatch();
    while (!this.#done()) {
      const waited = source.waitMs;
      const next = await this.#agreedNext(await source.next());
      this.stats.waitMs += source.waitMs - waited;
      if (next === undefined) {
        this.#endedEarly();
        return;
      }
      const continues = await this.#batch(next.batch, next.isLast, keepBatches);
      if (!continues) return;
      const distributed = isDistributed(this.#run.strategy);
      let isSaveDue = false;
      if (distributed) {
        this.#heedStopRequest();
        isSaveDue = await agreeOnEnd(this.#run);
      }
      await this.#afterBatch();
      if (!distributed) {
        this.#heedStopRequest();
        // After the validation, which has saved the run as well.
        isSaveDue = this.#run.lastCheckpoint.isDue();
      }
      await this.#yielder.maybeYield();
      if (this.#run.signals.takeSaveRequest()) await this.#run.lastCheckpoint.save();
      else if (isSaveDue) await this.#run.lastCheckpoint.saveByTime();
      this.#run.signals.check();
    }
    this.#run.progress.cutShort = !this.#run.progress.allBatchesReady;
  }

  /** A loader that does not know its length ends for all ranks where it ends for one. */
  async #agreedNext(next: Awaited<ReturnType<BatchSource["next"]>>): Promise<typeof next> {
    const { strategy, progress } = this.#run;
    if (!isDistributed(strategy) || Number.isFinite(progress.numTrainingBatches)) return next;
    const [ended, isLast] = await strategy.anyOf([next === undefined, next?.isLast === true]);
    return next === undefined || ended === true ? undefined : { ...next, isLast: isLast === true };
  }

  #done(): boolean {
    const { options, progress, state } = this.#run;
    if (options.maxSteps !== -1 && progress.optimizerSteps >= options.maxSteps) return true;
    if (progress.batchesReady > 0 && progress.allBatchesReady) return true;
    if (!state.shouldStop) return false;
    if (this.#host.canStopEarly()) return true;
    log.warnOnce(
      `Trainer was signaled to stop but the required \`minEpochs=${options.minEpochs}\` or \`minSteps=${options.minSteps}\` has not been met. Training will continue...`,
    );
    return false;
  }

  /** Someone may end a run from the service that its logger reports to. */
  #heedStopRequest(): void {
    const { log: logging, state } = this.#run;
    if (state.shouldStop) return;
    const asking = logging.loggers.find((logger) => logger.stopRequested);
    if (asking === undefined) return;
    state.shouldStop = true;
    const run = [asking.name, asking.version].filter((part) => part !== undefined).join("/");
    log.info(`training stops after this batch: the logger${run === "" ? "" : ` of ${run}`} was asked to stop the run`);
  }

  #endedEarly(): void {
    const { progress } = this.#run;
    if (!Number.isFinite(progress.numTrainingBatches)) return;
    log.warnOnce(
      `the train loader gave ${progress.batchesReady} batches where its length said ${progress.numTrainingBatches}`,
    );
  }

  /** @returns false when a hook ended the epoch */
  async #batch(original: unknown, isLast: boolean, keepBatches: boolean): Promise<boolean> {
    const mark = new StageMark(this.#run, this.#metrics);
    this.#run.optimization.hasChanged = false;
    try {
      const continues = await this.#trainOn(original, isLast, keepBatches);
      mark.dispose();
      return continues;
    } catch (error) {
      // Up to the optimizer's step nothing is lost by beginning the batch anew.
      if (this.#run.progress.phase === "inBatch" && !this.#run.optimization.hasChanged) {
        mark.rollback();
        this.#run.pinned = mark;
      }
      throw error;
    }
  }

  async #trainOn(original: unknown, isLast: boolean, keepBatches: boolean): Promise<boolean> {
    const { data, hooks, log: logging, progress, strategy, precision, optimization } = this.#run;
    const batch = await data.transfer(original, strategy.rootDevice, precision.inputDtype, 0);
    progress.phase = "inBatch";
    progress.isLastBatch = isLast;
    progress.batchesReady++;
    progress.totalBatches++;
    const { batchIdx } = progress;
    logging.onBatchStart(batch);
    let outputs: StepOutputs = {};
    let skipRest = false;
    if (batch === undefined || batch === null) log.warnOnce("the train loader yielded nothing for a batch");
    else {
      skipRest = (await hooks.both("onTrainBatchStart", batch, batchIdx)) === -1;
      if (skipRest) progress.isLastBatch = true;
      else {
        const begin = performance.now();
        outputs = await optimization.runBatch(batch, batchIdx, this.accumulating);
        governor.step(performance.now() - begin);
        await logging.synchronizeStep();
        if (!this.accumulating) this.#prepareSaves();
      }
    }
    if (!this.accumulating) await optimization.updateSchedulers("step", false);
    if (progress.allBatchesReady) await optimization.updateSchedulers("epoch", false);
    if (!skipRest) {
      progress.phase = "batchEnd";
      this.#count(batch);
      await hooks.both("onTrainBatchEnd", outputs, batch, batchIdx);
      logging.onBatchEnd();
      logging.updateTrainStepMetrics(this.#withoutStep);
    }
    disposeOutputs(outputs);
    if (!keepBatches) disposeTransferred(original, batch);
    return !skipRest;
  }

  #prepareSaves(): void {
    if (!this.#hasStepped) this.#run.lastCheckpoint.prepare();
    this.#hasStepped = true;
  }

  get #withoutStep(): boolean {
    return this.accumulating && this.#run.module.automaticOptimization;
  }

  #count(batch: unknown): void {
    this.stats.batches++;
    const { images, indices } = batch as { images?: { shape?: readonly number[] }; indices?: readonly number[] };
    // The other ranks have as many.
    this.stats.images += (indices?.length ?? images?.shape?.[0] ?? 0) * this.#run.strategy.worldSize;
  }

  /** Validation when it is due, plateau schedulers, counters. */
  async #afterBatch(): Promise<void> {
    const { hooks, progress } = this.#run;
    if (this.#host.shouldValidate()) {
      progress.phase = "beforeValidation";
      this.#run.divergence.checkWeights();
      if (!this.accumulating) await hooks.module("onValidationModelZeroGrad");
      await this.#host.validate();
      if (isDistributed(this.#run.strategy)) await agreeOnEnd(this.#run);
    }
    await this.#finishBatch();
  }

  async #finishBatch(): Promise<void> {
    const { optimization, progress, state, log: logging } = this.#run;
    if (!this.accumulating) {
      await optimization.updateSchedulers("step", true);
      progress.batchesThatStepped++;
    }
    if (state.shouldStop) for (const logger of logging.loggers) logger.save();
    progress.phase = "betweenBatches";
  }

  /** What a run that was interrupted after a batch had not done of it yet. */
  async #finishInterruptedBatch(): Promise<void> {
    const { progress, log: logging } = this.#run;
    const { phase } = progress;
    if (phase === "batchEnd") {
      logging.onBatchEnd();
      logging.updateTrainStepMetrics(this.#withoutStep);
    }
    if (phase === "batchEnd" || phase === "beforeValidation") await this.#afterBatch();
    else if (phase === "validationEnd") await this.#finishBatch();
  }
}
