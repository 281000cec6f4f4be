import { getLogger, parseOptions, plural } from "@classifier-training/base";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import { durationSchema, durationSeconds } from "../utilities/duration.ts";

const log = getLogger("lightning.fit_to_time");

export const fitToTimeOptionsSchema = z.strictObject({
  /** How long the epochs may take: `DD:HH:MM:SS`, or { days, hours, minutes, seconds }; null switches it off. */
  duration: durationSchema.nullable().default(null),
  /** More epochs than this bring nothing, though there is time; null: as many as the trainer's `maxEpochs`. */
  mostEpochs: z.int().positive().nullable().default(null),
});

/** Where epochs and the schedule stand to each other since the last change of plan; all in epochs. */
interface Plan {
  /** What schedules were made for. */
  readonly scheduled: number;
  readonly epochs: number;
  readonly changedAt: number;
  /** Where the schedule was then. */
  readonly positionThen: number;
}

/** A plan is changed where so many of its remaining epochs fit, and not for less. */
const tooMany = 0.9;
const tooFew = 1.2;
/** What of the remaining time is planned: epochs are not equally fast. */
const planned = 0.97;

/**
 * Fits the epochs, and with them the schedule of the learning rate, to the clock: where the machine becomes slower than it
 * was when `maxEpochs` was chosen, fewer epochs follow and the rate falls faster; where it becomes faster, more follow. A
 * training that is cut in mid-schedule is much worse than a shorter one (Li et al., "Budgeted Training", ICLR 2020). On a
 * steady machine nothing changes. What changes depends on the clock: such a run is not repeated bit by bit.
 */
export class FitToTime extends Callback {
  readonly #limitS: number | undefined;
  readonly #mostEpochs: number | null;
  /** The trainer's own limit, which schedules are made for. */
  #scheduled: number | undefined;
  #plan: Plan | undefined;
  #started = 0;
  #earlierS = 0;
  /** Seconds at the ends of epochs, by how many had ended. */
  readonly #ends = new Map<number, number>();

  constructor(options: z.input<typeof fitToTimeOptionsSchema> = {}) {
    super();
    const { duration, mostEpochs } = parseOptions("FitToTime", fitToTimeOptionsSchema, options);
    this.#limitS = duration === null ? undefined : durationSeconds(duration);
    this.#mostEpochs = mostEpochs;
  }

  override setup(trainer: TrainerView, _module: LightningModule, stage: TrainerFn): void {
    if (stage !== "fit") return;
    this.#scheduled ??= trainer.maxEpochs;
    trainer.maxEpochs = this.#scheduled;
    this.#plan = undefined;
    this.#earlierS = 0;
    this.#ends.clear();
  }

  /** After the schedules are made, which are as long as ever. */
  override onFitStart(trainer: TrainerView): void {
    const scheduled = trainer.maxEpochs;
    if (this.#limitS === undefined || scheduled <= 0) this.#plan = undefined;
    else if (this.#plan?.scheduled === scheduled) trainer.maxEpochs = this.#plan.epochs;
    else this.#plan = { scheduled, epochs: scheduled, changedAt: 0, positionThen: 0 };
  }

  override onTrainStart(trainer: TrainerView): void {
    this.#started = performance.now();
    this.#ends.set(trainer.currentEpoch, this.#earlierS);
  }

  override async onTrainEpochEnd(trainer: TrainerView): Promise<void> {
    const plan = this.#plan;
    if (this.#limitS === undefined || plan === undefined) return;
    const done = trainer.currentEpoch + 1;
    const now = this.#elapsedS();
    this.#ends.set(done, now);
    const every = trainer.checkValEveryNEpoch ?? 1;
    // Windows with equally many validations.
    const window = every * Math.ceil(Math.max(1, plan.epochs / 15) / every);
    const before = this.#ends.get(done - window);
    if (before === undefined) return;
    const own = Math.floor((planned * (this.#limitS - now) * window) / Math.max(1e-3, now - before));
    const fitting = Math.min(...(await trainer.strategy.allGather(own)));
    const most = Math.max(plan.epochs, this.#mostEpochs ?? plan.scheduled);
    // The last epoch is validated.
    const next = every * Math.ceil((done + 1) / every);
    const epochs = Math.max(next, every * Math.floor(Math.min(most, done + fitting) / every));
    const remaining = plan.epochs - done;
    if (remaining <= 0 || (epochs - done >= tooMany * remaining && epochs - done <= tooFew * remaining)) return;
    this.#plan = { ...plan, epochs, changedAt: done, positionThen: positionAt(plan, done) };
    trainer.maxEpochs = epochs;
    const what = `${plural(epochs, "epoch")} instead of ${plan.epochs} fit the time: the learning rate follows`;
    if (plan.changedAt === 0) log.info(what);
    else log.detail(what);
  }

  override schedulerSteps(epochs: number, perEpoch: number): number {
    const plan = this.#plan;
    if (plan === undefined || plan.changedAt === 0) return 1;
    const at = (steps: number) => Math.floor(positionAt(plan, steps / perEpoch) * perEpoch + 0.5);
    const steps = Math.round(epochs * perEpoch);
    return at(steps) - at(steps - 1);
  }

  #elapsedS(): number {
    return this.#earlierS + (performance.now() - this.#started) / 1000;
  }

  override stateDict(): Record<string, unknown> {
    return { ...this.#plan, trainSeconds: this.#elapsedS() };
  }

  override loadStateDict({ trainSeconds, ...plan }: Record<string, unknown>): void {
    this.#earlierS = Number(trainSeconds ?? 0);
    if (typeof plan["scheduled"] === "number") this.#plan = plan as unknown as Plan;
  }
}

/** Where the schedule stands when so many epochs are over: at its end with the last of them. */
function positionAt({ scheduled, epochs, changedAt, positionThen }: Plan, done: number): number {
  const pace = (scheduled - positionThen) / (epochs - changedAt);
  return positionThen + (done - changedAt) * pace;
}
