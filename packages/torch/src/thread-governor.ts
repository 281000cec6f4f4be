import { getLogger } from "@classifier-training/base";
import { getNumThreads, isDeterministic, setNumThreads } from "./device.ts";
import { ForeignLoad, processorCount } from "./foreign-load.ts";

const log = getLogger("torch.threads");

export interface ThreadGovernorOptions {
  /** Off, it only looks on. Deterministic mode turns it off too: sums depend on the number of threads. */
  readonly enabled?: boolean;
  /** A step this many times slower than usual is taken for contention at once. */
  readonly suddenFactor?: number;
  /** Two steps in a row this many times slower than usual are, too. */
  readonly lastingFactor?: number;
  /** Steps after which more threads are tried again; doubled each time that they do not pay. */
  readonly retryAfter?: number;
  readonly getThreads?: () => number;
  readonly setThreads?: (count: number) => void;
  /** How many processors other processes kept busy since the last call; measured when left out. */
  readonly foreignProcessors?: () => number;
  readonly processors?: number;
  /** Told of each change; the log when left out. */
  readonly say?: (message: string) => void;
}

/** Steps at the start that only warm up: kernels are being chosen, memory is touched for the first time. */
const warmUpSteps = 2;
const longestRetry = 640;
/** Load of others, in processors, that a trial may ignore: something small is always awake. */
const spareProcessors = 0.4;

/**
 * Chooses the number of compute threads from the times of training steps. Every parallel region waits for its slowest
 * thread, so that a single busy neighbour on the machine makes a step with all threads 10 to 40 times slower, where
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
  readonly #foreignProcessors: () => number;
  readonly #processors: number;
  readonly #say: (message: string) => void;
  /** The number of threads of an idle machine. */
  #most = 0;
  /** What a step usually takes with the present number of threads. */
  #usual = 0;
  #seen = 0;
  #slowInARow = 0;
  #calmSteps = 0;
  #postponedSteps = 0;
  #retry: number;
  /** A change on trial: the time before it, and what to return to if it does not pay. */
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
    const load = new ForeignLoad();
    this.#foreignProcessors = options.foreignProcessors ?? (() => load.busyProcessors());
    this.#processors = options.processors ?? processorCount();
    this.#say = options.say ?? ((message) => log.info(message));
  }

  /** The time of one training step, in milliseconds. */
  step(ms: number): void {
    if (!this.enabled || isDeterministic()) return;
    if (this.#seen === 0) this.#most = Math.max(this.#most, this.#getThreads());
    this.#seen++;
    if (this.#most <= 1 || this.#seen <= warmUpSteps) return;
    if (this.#trial !== null) this.#judge(ms);
    else if (this.#usual === 0) this.#begin(ms);
    else this.#watch(ms);
  }

  /** Forgets what it saw, e.g. when the model or the batch size changes; puts all threads back. */
  reset(): void {
    if (this.#most > 0 && this.#getThreads() !== this.#most) this.#setThreads(this.#most);
    this.#usual = 0;
    this.#seen = 0;
    this.#slowInARow = 0;
    this.#calmSteps = 0;
    this.#postponedSteps = 0;
    this.#retry = this.#retryAfter;
    this.#trial = null;
  }

  /** Nobody knows yet whether the machine is shared already: one look at fewer threads tells. */
  #begin(ms: number): void {
    this.#usual = ms;
    this.#try(this.#fewer(), ms, false);
  }

  #watch(ms: number): void {
    const ratio = ms / this.#usual;
    this.#slowInARow = ratio > this.#lastingFactor ? this.#slowInARow + 1 : 0;
    const isSlow = ratio > this.#suddenFactor || this.#slowInARow >= 2;
    if (isSlow && this.#getThreads() > 1) {
      this.#try(this.#fewer(), ms, false);
      return;
    }
    if (!isSlow) {
      // Follows slowly upwards, at once downwards: the usual time is that of an undisturbed step.
      this.#usual = ms < this.#usual ? ms : 0.98 * this.#usual + 0.02 * ms;
      this.#calmSteps++;
    }
    if (this.#getThreads() < this.#most && this.#calmSteps >= this.#retry) {
      const more = Math.min(this.#most, this.#getThreads() * 2);
      if (this.#hasRoomFor(more)) this.#try(more, this.#usual, true);
    }
  }

  /**
   * A trial beside a busy neighbour costs a step of many times the usual length: while others visibly use the
   * processors that it would need, it waits. Not forever, since a container sees the load of its whole host.
   */
  #hasRoomFor(threads: number): boolean {
    const free = this.#processors - this.#foreignProcessors();
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
    this.#slowInARow = 0;
    this.#calmSteps = 0;
    this.#postponedSteps = 0;
    // The load is measured from here on.
    this.#foreignProcessors();
    this.#setThreads(threads);
  }

  #judge(ms: number): void {
    const trial = this.#trial!;
    trial.times.push(ms);
    const best = Math.min(...trial.times);
    const pays = best < 0.9 * trial.before;
    // A clear answer ends the trial at once; else a second step decides.
    const isHopeless = best > 1.5 * trial.before;
    if (!pays && !isHopeless && trial.times.length < 2) return;
    this.#trial = null;
    const now = this.#getThreads();
    if (pays) {
      this.#usual = best;
      if (!trial.isRetry) this.#retry = this.#retryAfter;
      this.#tell(trial.from, now, trial.before, best);
      return;
    }
    this.#setThreads(trial.from);
    this.#usual = trial.before;
    if (trial.isRetry) this.#retry = Math.min(longestRetry, this.#retry * 2);
  }

  #tell(from: number, to: number, before: number, after: number): void {
    const times = `a step takes ${after.toFixed(0)} ms instead of ${before.toFixed(0)} ms`;
    const why = to < from ? "the machine is shared" : "the machine is free again";
    this.#say(`${why}: ${to} of ${this.#most} compute threads (${times})`);
  }
}

/** The governor of this process; the Trainer calls its `step`. */
export const governor: ThreadGovernor = new ThreadGovernor();
