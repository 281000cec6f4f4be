import type { FitRun } from "../run/fit-run.ts";
import { exactCount } from "../run/resolved-options.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

/** When a training validates: by `valCheckInterval` and `checkValEveryNEpoch`, or by the clock. */
export class ValidationSchedule {
  readonly #run: FitRun;
  readonly #validation: { readonly enabled: boolean };
  readonly #canStopEarly: () => boolean;
  /** Batches between two validations: Infinity for the end of an epoch of unknown length. */
  #everyBatches = Number.POSITIVE_INFINITY;
  /** By the clock, for validations that go by time. */
  #lastValidation = 0;

  constructor(run: FitRun, validation: { readonly enabled: boolean }, canStopEarly: () => boolean) {
    this.#run = run;
    this.#validation = validation;
    this.#canStopEarly = canStopEarly;
  }

  /**
   * @param batches of an epoch
   * @throws MisconfigurationError for an interval that the epoch does not have
   */
  setUp(batches: number): void {
    const { valCheckInterval, valCheckTimeS, checkValEveryNEpoch } = this.#run.options;
    if (valCheckTimeS !== null) {
      this.validated();
      return;
    }
    // 0 is a fraction here, 0.0: less than a batch.
    const count = exactCount(valCheckInterval) || undefined;
    if (count !== undefined) {
      this.#everyBatches = count;
      if (count > batches && checkValEveryNEpoch !== null && this.#validation.enabled) {
        throw new MisconfigurationError(
          `\`valCheckInterval\` (${count}) must be less than or equal to the number of the training batches (${batches})`,
          "to validate by batches over several epochs, set checkValEveryNEpoch: null; to disable validation, limitValBatches: 0",
        );
      }
      return;
    }
    const fraction = valCheckInterval as number;
    if (Number.isFinite(batches)) this.#everyBatches = Math.max(1, Math.floor(batches * fraction));
    else if (fraction === 1) this.#everyBatches = Number.POSITIVE_INFINITY;
    else {
      throw new MisconfigurationError(
        "the train loader has no known length: valCheckInterval must be 1 (the end of the epoch) or a number of batches",
      );
    }
  }

  /** A validation has ended: the clock starts anew. */
  validated(): void {
    this.#lastValidation = performance.now();
  }

  isInThisEpoch(): boolean {
    const { options, progress } = this.#run;
    if (!this.#validation.enabled) return false;
    return options.checkValEveryNEpoch === null || (progress.epoch + 1) % options.checkValEveryNEpoch === 0;
  }

  isDue(): boolean {
    const { state, progress, options } = this.#run;
    if (!this.isInThisEpoch()) return false;
    if (options.valCheckTimeS !== null) return this.#isDueByTime(options.valCheckTimeS);
    if (progress.isLastBatch && this.#everyBatches === Number.POSITIVE_INFINITY) return true;
    if (state.shouldStop && this.#canStopEarly()) return true;
    if (this.#everyBatches === Number.POSITIVE_INFINITY) return false;
    const done = options.checkValEveryNEpoch === null ? progress.totalBatches : progress.batchesReady;
    return done % this.#everyBatches === 0;
  }

  /** The clocks of several ranks differ, and all validate together. */
  #isDueByTime(intervalS: number): boolean {
    const { state, strategy } = this.#run;
    const due = (performance.now() - this.#lastValidation) / 1000 >= intervalS;
    return strategy.reduceDecision(due || (state.shouldStop && this.#canStopEarly()), "any");
  }
}
