import { CtError } from "@classifier-training/base";
import type { ParamGroup } from "../param-group.ts";
import { checkSchedulerState, plainState, stateError } from "../state.ts";

/** What a scheduler needs of an optimizer. */
export interface ScheduledOptimizer {
  readonly paramGroups: ParamGroup[];
  /** Its options, by which `transformers`' schedules go. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

/** A plain tree of numbers, strings and lists: what goes into a checkpoint. */
export type SchedulerState = Record<string, unknown>;

/** What a trainer needs of any scheduler, ReduceLROnPlateau included. */
export interface Scheduler {
  readonly optimizer: ScheduledOptimizer;
  readonly lastEpoch: number;
  step(metric?: number): void;
  /** The rates in force, one a parameter group. */
  getLastLr(): number[];
  stateDict(): SchedulerState;
  loadStateDict(state: unknown): void;
}

/**
 * A learning-rate schedule in PyTorch's chainable form: each step computes a group's rate from the rate in force, so
 * that schedules can be combined on one optimizer. Formulas are those of `torch/optim/lr_scheduler.py` (2.6).
 * Constructing one takes the first step, which sets the rate of epoch 0.
 *
 * A parameter group that joins the optimizer later has no base rate. As in PyTorch, schedules that start from the base
 * rate leave its rate alone, and those that only multiply the rate in force multiply it too.
 */
export abstract class LRScheduler implements Scheduler {
  readonly optimizer: ScheduledOptimizer;
  baseLrs: number[];
  lastEpoch: number;
  /** How often `step` ran, the first step of the constructor included. */
  protected stepCount = 0;
  protected lastLr: number[] = [];

  /**
   * @param lastEpoch -1 starts afresh; otherwise the groups must already carry `initialLr`, as after a resume.
   * Subclasses set their fields after this and then call `initialStep()`.
   */
  constructor(optimizer: ScheduledOptimizer, lastEpoch = -1) {
    this.optimizer = optimizer;
    this.baseLrs = optimizer.paramGroups.map((group, i) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      if (group.initialLr === undefined) {
        throw new CtError({
          code: "torch/scheduler",
          what: `${new.target.name}: lastEpoch is ${lastEpoch}, but parameter group ${i} has no initialLr`,
          fix: "load the optimizer's state first, or leave lastEpoch at -1",
        });
      }
      return group.initialLr;
    });
    this.lastEpoch = lastEpoch;
  }

  /** The rate of one group at `this.lastEpoch`, from the rate in force (`group.lr`) and the one it started from. */
  protected abstract lrOf(group: ParamGroup, base: number, index: number): number;

  /** The rate at `this.lastEpoch` from the base rate alone; used when an epoch is jumped to. */
  protected closedFormLrOf(group: ParamGroup, base: number, index: number): number {
    return this.lrOf(group, base, index);
  }

  /** Whether `lrOf` needs no base rate, so that groups that joined later take part. */
  protected get onlyScales(): boolean {
    return false;
  }

  /** Sets the rates for the next epoch, or for the given one. */
  step(epoch?: number): void {
    this.stepCount++;
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    if (epoch === undefined) this.apply((group, base, i) => this.lrOf(group, base, i), this.onlyScales);
    else this.apply((group, base, i) => this.closedFormLrOf(group, base, i));
  }

  protected apply(lrOf: (group: ParamGroup, base: number, index: number) => number, toAll = false): void {
    const { paramGroups } = this.optimizer;
    const rates = paramGroups.map((group, i) => {
      const base = this.baseLrs[i];
      return base === undefined && !toAll ? group.lr : lrOf(group, base ?? group.lr, i);
    });
    const wrong = rates.findIndex((rate) => !Number.isFinite(rate));
    if (wrong >= 0) {
      throw new CtError({
        code: "torch/scheduler",
        what: `${this.constructor.name}: the learning rate of parameter group ${wrong} at epoch ${this.lastEpoch} is ${rates[wrong]}`,
        fix: "look for a division by zero in the scheduler's options, and for a rate that is not a number before it",
      });
    }
    for (const [i, group] of paramGroups.entries()) group.lr = rates[i] ?? group.lr;
    this.lastLr = rates;
  }

  /** Starts over at the first epoch. Called by the constructor of a subclass, and by SequentialLR. */
  initialStep(): void {
    this.stepCount = 0;
    this.step();
  }

  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** Every field but the optimizer and functions (a lambda is code, not state). */
  stateDict(): SchedulerState {
    const { optimizer: _, ...fields } = this;
    return Object.fromEntries(Object.entries(fields).filter(([, value]) => isState(value)));
  }

  /**
   * Takes the state of a scheduler of the same kind; PyTorch's own (`last_epoch`, `_last_lr`) is understood too.
   * @throws CtError `torch/state` for that of another kind, before anything changes
   */
  loadStateDict(state: unknown): void {
    this.prepareState(state)();
  }

  /** Checks a state, and returns what takes it: several are checked before the first is taken. */
  prepareState(state: unknown): () => void {
    const name = this.constructor.name;
    const own = this.stateDict();
    const given = this.translateState(plainState(state));
    const checked = checkSchedulerState(name, own, given);
    if ((checked["baseLrs"] as number[]).length > this.optimizer.paramGroups.length) {
      throw stateError(
        name,
        `the state is of ${(checked["baseLrs"] as number[]).length} parameter groups, the optimizer has ${this.optimizer.paramGroups.length}`,
      );
    }
    return () => void Object.assign(this, checked);
  }

  /** A state with the names and shapes of this class's fields, where PyTorch's differ. */
  protected translateState(given: Record<string, unknown>): Record<string, unknown> {
    return given;
  }
}

function isState(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((item) => typeof item !== "function");
  return typeof value !== "function";
}

/** One value a parameter group, from one for all or a list. */
export function perGroup(name: string, option: string, value: number | readonly number[], groups: number): number[] {
  if (typeof value === "number") return new Array<number>(groups).fill(value);
  if (value.length === groups) return [...value];
  throw new CtError({
    code: "torch/scheduler",
    what: `${name}: ${option} has ${value.length} values, the optimizer has ${groups} parameter groups`,
    fix: `give one value, or ${groups}`,
  });
}
