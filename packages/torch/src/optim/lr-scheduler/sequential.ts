import { optionError } from "../options.ts";
import { checkSchedulerState, describe, plainState, stateError } from "../state.ts";
import { ReduceLROnPlateau } from "./plateau.ts";
import { LRScheduler, type ScheduledOptimizer, type Scheduler, type SchedulerState } from "./scheduler.ts";

function checkParts(name: string, optimizer: ScheduledOptimizer, schedulers: readonly Scheduler[]): LRScheduler[] {
  if (schedulers.length === 0) throw optionError(name, "expected at least one scheduler");
  return schedulers.map((scheduler, i) => {
    if (scheduler.optimizer !== optimizer) {
      throw optionError(name, `scheduler ${i} (${scheduler.constructor.name}) belongs to another optimizer`);
    }
    if (!(scheduler instanceof LRScheduler)) {
      const why = scheduler instanceof ReduceLROnPlateau ? ": it needs a metric at each step" : "";
      throw optionError(name, `scheduler ${i} (${scheduler.constructor.name}) cannot be part of it${why}`);
    }
    return scheduler;
  });
}

/** Checks the states of all parts, and returns what takes them. */
function prepareParts(name: string, schedulers: readonly LRScheduler[], given: unknown): () => void {
  if (!Array.isArray(given) || given.length !== schedulers.length) {
    throw stateError(name, `expected the states of ${schedulers.length} schedulers, received ${describe(given)}`);
  }
  const takes = schedulers.map((scheduler, i) => scheduler.prepareState(given[i]));
  return () => {
    for (const take of takes) take();
  };
}

/** Runs schedulers one after another: scheduler `i + 1` takes over, from its epoch 0, at epoch `milestones[i]`. */
export class SequentialLR implements Scheduler {
  readonly optimizer: ScheduledOptimizer;
  readonly schedulers: readonly LRScheduler[];
  readonly milestones: readonly number[];
  lastEpoch: number;
  #lastLr: number[];

  constructor(
    optimizer: ScheduledOptimizer,
    schedulers: readonly Scheduler[],
    milestones: readonly number[],
    { lastEpoch = -1 }: { lastEpoch?: number } = {},
  ) {
    this.schedulers = checkParts("SequentialLR", optimizer, schedulers);
    if (milestones.length !== schedulers.length - 1) {
      const expected = schedulers.length - 1;
      throw optionError(
        "SequentialLR",
        `${schedulers.length} schedulers and ${milestones.length} milestones are given`,
        `give ${expected} milestones: the epochs at which the next scheduler takes over`,
      );
    }
    this.optimizer = optimizer;
    this.milestones = [...milestones];
    this.lastEpoch = lastEpoch + 1;
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr;
    // Each part took its first step when it was made: undone here, so that only the first one's counts.
    for (const scheduler of this.schedulers) scheduler.lastEpoch--;
    const first = this.schedulers[0] as LRScheduler;
    first.initialStep();
    this.#lastLr = first.getLastLr();
  }

  step(): void {
    this.lastEpoch++;
    const index = this.milestones.filter((milestone) => milestone <= this.lastEpoch).length;
    const scheduler = this.schedulers[index] as LRScheduler;
    if (index > 0 && this.milestones[index - 1] === this.lastEpoch) scheduler.step(0);
    else scheduler.step();
    this.#lastLr = scheduler.getLastLr();
  }

  getLastLr(): number[] {
    return [...this.#lastLr];
  }

  stateDict(): SchedulerState {
    return {
      milestones: [...this.milestones],
      lastEpoch: this.lastEpoch,
      lastLr: this.getLastLr(),
      schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()),
    };
  }

  loadStateDict(state: unknown): void {
    const { schedulers, milestones: _, ...given } = plainState(state);
    const own = { lastEpoch: this.lastEpoch, lastLr: this.getLastLr() };
    const checked = checkSchedulerState("SequentialLR", own, given);
    prepareParts("SequentialLR", this.schedulers, schedulers)();
    this.lastEpoch = checked["lastEpoch"] as number;
    this.#lastLr = checked["lastLr"] as number[];
  }
}

/** Steps several schedulers together; their factors multiply. */
export class ChainedScheduler implements Scheduler {
  readonly optimizer: ScheduledOptimizer;
  readonly schedulers: readonly LRScheduler[];

  constructor(schedulers: readonly Scheduler[], optimizer = schedulers[0]?.optimizer) {
    if (optimizer === undefined) throw optionError("ChainedScheduler", "expected at least one scheduler");
    this.optimizer = optimizer;
    this.schedulers = checkParts("ChainedScheduler", optimizer, schedulers);
  }

  get lastEpoch(): number {
    return this.schedulers[0]?.lastEpoch ?? 0;
  }

  step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
  }

  getLastLr(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  stateDict(): SchedulerState {
    return { lastLr: this.getLastLr(), schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  loadStateDict(state: unknown): void {
    prepareParts("ChainedScheduler", this.schedulers, plainState(state)["schedulers"])();
  }
}
