import { getLogger } from "@classifier-training/base";
import type { BatchLoader } from "../data/batch-loader.ts";
import type { FitRun } from "../run/fit-run.ts";
import { findMetrics } from "../run/module-metrics.ts";
import { agreeOnEnd } from "../run/rank-agreement.ts";
import { limitedBatches } from "../run/resolved-options.ts";
import { isDistributed } from "../strategies/strategy.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { BatchSource } from "./batch-source.ts";
import type { EvaluationLoop } from "./evaluation-loop.ts";
import { TrainingEpoch } from "./training-epoch.ts";
import { ValidationSchedule } from "./validation-schedule.ts";

const log = getLogger("lightning.fit");

/** Epoch after epoch, until a limit is reached or somebody asks to stop. */
export class FitLoop {
  readonly #run: FitRun;
  readonly #validation: EvaluationLoop;
  readonly epoch: TrainingEpoch;
  #loader: BatchLoader<unknown> | undefined;
  #loadedEpoch = Number.NEGATIVE_INFINITY;
  readonly #schedule: ValidationSchedule;

  constructor(run: FitRun, validation: EvaluationLoop) {
    this.#run = run;
    this.#validation = validation;
    this.#schedule = new ValidationSchedule(run, validation, () => this.canStopEarly);
    this.epoch = new TrainingEpoch(run, {
      shouldValidate: () => this.#schedule.isDue(),
      validate: () => this.#validate(),
      canStopEarly: () => this.canStopEarly,
    });
  }

  reset(): void {
    this.epoch.reset();
    this.#loader = undefined;
    this.#loadedEpoch = Number.NEGATIVE_INFINITY;
  }

  async reloadData(): Promise<void> {
    await this.#loader?.close?.();
    this.#loader = undefined;
    await this.#setUpData();
  }

  /**
   * Reads an epoch's batches for another purpose than training, until `use` returns false; `keep` says whether they are the
   * loader's own.
   */
  async eachBatch(use: (batch: unknown, keep: boolean) => Promise<boolean>): Promise<void> {
    const loader = this.#loader;
    if (loader === undefined) return;
    const { progress, options } = this.#run;
    const position = { epoch: options.overfit ? 0 : progress.epoch, startBatch: 0 };
    const source = new BatchSource(loader, progress.numTrainingBatches, position);
    try {
      for (let next = await source.next(); next !== undefined; next = await source.next()) {
        if (!(await use(next.batch, loader.keepsBatches === true))) return;
      }
    } finally {
      await source.close();
    }
  }

  // --- When it ends ---

  get canStopEarly(): boolean {
    const { options, progress } = this.#run;
    return progress.epochsProcessed >= options.minEpochs && progress.optimizerSteps >= options.minSteps;
  }

  #done(): boolean {
    const { options, progress, state } = this.#run;
    if (progress.numTrainingBatches === 0) {
      log.info("`Trainer.fit` stopped: No training batches.");
      return true;
    }
    if (options.maxSteps !== -1 && progress.optimizerSteps >= options.maxSteps) {
      log.detail(`\`Trainer.fit\` stopped: \`maxSteps=${options.maxSteps}\` reached.`);
      return true;
    }
    if (options.maxEpochs !== -1 && progress.epochsProcessed >= options.maxEpochs) {
      progress.epoch = progress.epochsProcessed;
      log.detail(`\`Trainer.fit\` stopped: \`maxEpochs=${options.maxEpochs}\` reached.`);
      return true;
    }
    return state.shouldStop && this.canStopEarly;
  }

  // --- The loop ---

  async run(): Promise<void> {
    const { hooks, progress, data, options, state } = this.#run;
    if (options.limitTrainBatches === 0) return;
    if (!data.has("trainDataloader")) throw new MisconfigurationError("`fit` needs a train loader, and there is none");
    await this.#setUpData();
    this.#restartChangedEpoch();
    // A checkpoint made at the very end of an epoch: its log row and the rest are still to come.
    if (progress.phase === "epochEnd") await this.#finishEpoch();
    if (this.#done()) return;
    if (this.#schedule.isInThisEpoch()) await this.#validation.setUpData();
    await hooks.both("onTrainStart");
    while (!this.#done()) {
      await this.#setUpData();
      await this.#runEpoch();
    }
    progress.phase = "betweenEpochs";
    state.trained = true;
    await hooks.both("onTrainEnd");
  }

  /** Positions within an epoch hold for the same batches only: with others, the epoch begins anew. */
  #restartChangedEpoch(): void {
    const { progress, log: logging, module } = this.#run;
    const why = progress.changedUnit();
    if (why === undefined) return;
    log.warning(
      `epoch ${progress.epoch + 1} is restarted, of which ${progress.batchesReady} batches were done when the checkpoint was made: ${why}`,
    );
    progress.phase = "betweenEpochs";
    progress.batchesReady = 0;
    logging.resetResults();
    for (const metric of findMetrics(module).values()) metric.reset();
    module.zeroGrad();
  }

  async #runEpoch(): Promise<void> {
    const { hooks, progress, log: logging, profiler, options } = this.#run;
    const loader = this.#loader as BatchLoader<unknown>;
    const resumed = progress.phase !== "betweenEpochs";
    if (!resumed) {
      progress.batchesReady = 0;
      progress.isLastBatch = false;
      progress.cutShort = false;
      await hooks.both("onTrainEpochStart");
    }
    const position = { epoch: options.overfit ? 0 : progress.epoch, startBatch: progress.batchesReady };
    const source = new BatchSource(loader, progress.numTrainingBatches, position);
    profiler.start("trainEpoch");
    try {
      await this.epoch.run(source, loader.keepsBatches === true, resumed);
    } finally {
      profiler.stop("trainEpoch");
      await source.close();
    }
    this.#run.divergence.checkWeights();
    logging.epochEndReached();
    progress.epochsProcessed++;
    progress.phase = "epochEnd";
    await logging.synchronizeEpoch(findMetrics(this.#run.module));
    await hooks.trainEpochEnd(() => logging.synchronizeEpoch(new Map()));
    await this.#finishEpoch();
    if (isDistributed(this.#run.strategy)) await agreeOnEnd(this.#run);
    this.#run.signals.check();
  }

  async #finishEpoch(): Promise<void> {
    const { log: logging, progress, optimization } = this.#run;
    logging.epochEndReached();
    logging.onEpochEnd();
    if (progress.allBatchesReady) await optimization.updateSchedulers("epoch", true);
    // Loggers get the epoch's values at the step of its last batch.
    progress.batchesThatStepped--;
    logging.updateTrainEpochMetrics();
    progress.batchesThatStepped++;
    progress.epoch++;
    progress.phase = "betweenEpochs";
  }

  // --- Data ---

  async #setUpData(): Promise<void> {
    const { options, data, progress } = this.#run;
    const every = options.reloadDataloadersEveryNEpochs;
    if (this.#loader !== undefined && !(every > 0 && progress.epoch - this.#loadedEpoch >= every)) return;
    const loaders = await data.request("trainDataloader");
    const [loader] = loaders;
    if (loader === undefined || loaders.length > 1) {
      throw new MisconfigurationError(
        `trainDataloader(): expected one loader, received ${loaders.length}`,
        "combine them into one",
      );
    }
    this.#loader = loader;
    this.#loadedEpoch = progress.epoch;
    progress.batchSize = loader.batchSize;
    progress.numTrainingBatches = await this.#agreedBatches(
      limitedBatches(loader.length, options.limitTrainBatches, "train"),
    );
    this.#schedule.setUp(progress.numTrainingBatches);
    const { fastDevRun, logEveryNSteps, enableLogging } = options;
    if (enableLogging && fastDevRun === false && progress.numTrainingBatches < logEveryNSteps) {
      log.detail(
        `The number of training batches (${progress.numTrainingBatches}) is smaller than logEveryNSteps (${logEveryNSteps}): ` +
          "set a lower value to see logs within the epoch",
      );
    }
  }

  /** All ranks must take equally many steps. */
  async #agreedBatches(own: number): Promise<number> {
    const all = await this.#run.strategy.allGather(own);
    const least = Math.min(...all);
    if (all.some((count) => count !== least)) {
      log.warnOnce(`the ranks have ${all.join(", ")} training batches: ${least} of each are used`);
    }
    return least;
  }

  // --- Validation ---

  async #validate(): Promise<void> {
    const { state, log: logging } = this.#run;
    const resume = logging.suspend();
    state.stage = "validate";
    await this.#validation.run();
    this.#schedule.validated();
    state.stage = "train";
    resume();
  }
}
