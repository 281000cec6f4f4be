import { CtError } from "@classifier-training/base";
import type { ParamGroup } from "../param-group.ts";
import { plainState } from "../state.ts";

/** What a scheduler needs of an optimizer. */
export interface ScheduledOptimizer {
  readonly paramGroups: ParamGroup[];
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

  /** The rate of one group at `this.lastEpoch`, from the rate in force (`group.lr`). */
  protected abstract lrOf(group: ParamGroup, index: number): number;

  /** The rate at `this.lastEpoch` from the base rate alone; used when an epoch is jumped to. */
  protected closedFormLrOf(group: ParamGroup, index: number): number {
    return this.lrOf(group, index);
  }

  /** Sets the rates for the next epoch, or for the given one. */
  step(epoch?: number): void {
    this.stepCount++;
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    this.apply((group, i) => (epoch === undefined ? this.lrOf(group, i) : this.closedFormLrOf(group, i)));
  }

  protected apply(lrOf: (group: ParamGroup, index: number) => number): void {
    const { paramGroups } = this.optimizer;
    const rates = paramGroups.map(lrOf);
    for (const [i, group] of paramGroups.entries()) group.lr = rates[i] as number;
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

  /** Takes the state of a scheduler of the same kind; PyTorch's own (`last_epoch`, `_last_lr`) is understood too. */
  loadStateDict(state: unknown): void {
    const given = plainState(state);
    if (typeof given["lastEpoch"] !== "number") {
      throw new CtError({
        code: "torch/state",
        what: `${this.constructor.name}: the state lacks lastEpoch`,
        where: `keys given: ${Object.keys(given).join(", ")}`,
        fix: "the checkpoint was made with another scheduler: use that one, or start without its state",
      });
    }
    for (const key of Object.keys(this.stateDict())) if (key in given) Object.assign(this, { [key]: given[key] });
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
