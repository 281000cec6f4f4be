import { getLogger } from "@classifier-training/base";
import { getNumThreads, isDeterministic, setNumThreads } from "./device.ts";
import { OtherProcessCpuLoad, processorCount } from "./other-process-cpu-load.ts";

const log = getLogger("torch.threads");

export interface ThreadGovernorOptions {
  /** False only observes. Deterministic mode turns it off too: sums depend on the number of threads. */
  readonly enabled?: boolean;
  /** A step this many times slower than usual counts as contention at once. */
  readonly suddenFactor?: number;
  /** Two consecutive steps this many times slower than usual do, too. */
  readonly lastingFactor?: number;
  /** Steps after which more threads are tried again; doubled each time that they are not faster. */
  readonly retryAfter?: number;
  readonly getThreads?: () => number;
  readonly setThreads?: (count: number) => void;
  /** How many processors other processes kept busy since the last call; measured when left out. */
  readonly otherProcessCpuLoad?: () => number;
  readonly processors?: number;
  /** Called with a sentence about each change; by default it is logged. */
  readonly onChange?: (message: string) => void;
}

/** Steps at the start that only warm up: kernels are being chosen, memory is touched for the first time. */
const warmUpSteps = 2;
const longestRetry = 640;
/** Load of others, in processors, that a trial may ignore: background tasks. */
const spareProcessors = 0.4;

/**
 * Chooses the number of compute threads from the times of training steps. Every parallel region waits for its slowest
 * thread, so that a single other busy process makes a step with all threads 10 to 40 times slower, where
 * fewer threads lose little. The governor steps down when steps become slow and fewer threads are faster, and tries more
 * again from time to time.
 *
 * Call `step(ms)` once per training step with the time of its computation, waiting for data not included.
 */
export class ThreadGovernor {
  enabled: boolean;
  readonly #suddenFactor: number;
  readonly #lastingFactor: number;
  readonly #retryAfter: number;
  readonly #getThreads: () => number;
  readonly #setThreads: (count: number) => void;
  readonly #otherProcessCpuLoad: () => number;
  readonly #processors: number;
  readonly #onChange: (message: string) => void;
  /** The number of threads on an idle machine. */
  #maxThreads = 0;
  /** The usual time of a step with the current number of threads. */
  #usualMs = 0;
  #seen = 0;
  #consecutiveSlow = 0;
  #calmSteps = 0;
  #postponedSteps = 0;
  #retry: number;
  /** A change on trial: the time before it, and the number of threads to return to if it is not faster. */
  #trial: {
    readonly from: number;
    readonly before: number;
    readonly isRetry: boolean;
    readonly times: number[];
  } | null = null;

  constructor(options: ThreadGovernorOptions = {}) {
    this.enabled = options.enabled ?? true;
    this.#suddenFactor = options.suddenFactor ?? 3;
    this.#lastingFactor = options.lastingFactor ?? 1.7;
    this.#retryAfter = options.retryAfter ?? 20;
    this.#retry = this.#retryAfter;
    this.#getThreads = options.getThreads ?? getNumThreads;
    this.#setThreads = options.setThreads ?? setNumThreads;
    const load = new OtherProcessCpuLoad();
    this.#otherProcessCpuLoad = options.otherProcessCpuLoad ?? (() => load.busyProcessors());
    this.#processors = options.processors ?? processorCount();
    this.#onChange = options.onChange ?? ((message) => log.detail(message));
  }

  /** The time of one training step, in milliseconds. */
  step(ms: number): void {
    if (!this.enabled || isDeterministic()) return;
    if (this.#seen === 0) this.#maxThreads = Math.max(this.#maxThreads, this.#getThreads());
    this.#seen++;
    if (this.#maxThreads <= 1 || this.#seen <= warmUpSteps) return;
    if (this.#trial !== null) this.#evaluate(ms);
    else if (this.#usualMs === 0) this.#begin(ms);
    else this.#watch(ms);
  }

  /** Forgets its measurements, e.g. when the model or the batch size changes; restores all threads. */
  reset(): void {
    if (this.#maxThreads > 0 && this.#getThreads() !== this.#maxThreads) this.#setThreads(this.#maxThreads);
    this.#usualMs = 0;
    this.#seen = 0;
    this.#consecutiveSlow = 0;
    this.#calmSteps = 0;
    this.#postponedSteps = 0;
    this.#retry = this.#retryAfter;
    this.#trial = null;
  }

  /** The machine may be shared from the start: tries fewer threads once. */
  #begin(ms: number): void {
    this.#usualMs = ms;
    this.#try(this.#fewer(), ms, false);
  }

  #watch(ms: number): void {
    const ratio = ms / this.#usualMs;
    this.#consecutiveSlow = ratio > this.#lastingFactor ? this.#consecutiveSlow + 1 : 0;
    const isSlow = ratio > this.#suddenFactor || this.#consecutiveSlow >= 2;
    if (isSlow && this.#getThreads() > 1) {
      this.#try(this.#fewer(), ms, false);
      return;
    }
    if (!isSlow) {
      // A slow upward and an immediate downward average: the usual time is that of an undisturbed step.
      this.#usualMs = ms < this.#usualMs ? ms : 0.98 * this.#usualMs + 0.02 * ms;
      this.#calmSteps++;
    }
    if (this.#getThreads() < this.#maxThreads && this.#calmSteps >= this.#retry) {
      const more = Math.min(this.#maxThreads, this.#getThreads() * 2);
      if (this.#hasRoomFor(more)) this.#try(more, this.#usualMs, true);
    }
  }

  /**
   * A trial beside a busy process costs a step of many times the usual time: while others use the processors that it
   * would need, it is postponed. Not forever, since a container sees the load of its whole host.
   */
  #hasRoomFor(threads: number): boolean {
    const free = this.#processors - this.#otherProcessCpuLoad();
    if (threads <= free + spareProcessors || this.#postponedSteps >= longestRetry) return true;
    this.#postponedSteps += this.#retryAfter;
    this.#calmSteps -= this.#retryAfter;
    return false;
  }

  #fewer(): number {
    return Math.max(1, Math.floor(this.#getThreads() / 2));
  }

  #try(threads: number, before: number, isRetry: boolean): void {
    this.#trial = { from: this.#getThreads(), before, isRetry, times: [] };
    this.#consecutiveSlow = 0;
    this.#calmSteps = 0;
    this.#postponedSteps = 0;
    // Measures the load from here.
    this.#otherProcessCpuLoad();
    this.#setThreads(threads);
  }

  #evaluate(ms: number): void {
    const trial = this.#trial!;
    trial.times.push(ms);
    const best = Math.min(...trial.times);
    const isFaster = best < 0.9 * trial.before;
    // A clear answer ends the trial at once; else a second step decides.
    const isHopeless = best > 1.5 * trial.before;
    if (!isFaster && !isHopeless && trial.times.length < 2) return;
    this.#trial = null;
    const now = this.#getThreads();
    if (isFaster) {
      this.#usualMs = best;
      if (!trial.isRetry) this.#retry = this.#retryAfter;
      this.#report(trial.from, now, trial.before, best);
      return;
    }
    this.#setThreads(trial.from);
    this.#usualMs = trial.before;
    if (trial.isRetry) this.#retry = Math.min(longestRetry, this.#retry * 2);
  }

  #report(from: number, to: number, before: number, after: number): void {
    const times = `a step takes ${after.toFixed(0)} ms instead of ${before.toFixed(0)} ms`;
    const why = to < from ? "the machine is shared" : "the machine is free again";
    this.#onChange(`${why}: ${to} of ${this.#maxThreads} compute threads (${times})`);
  }
}

/** The governor of this process; the Trainer calls its `step`. */
export const governor: ThreadGovernor = new ThreadGovernor();
