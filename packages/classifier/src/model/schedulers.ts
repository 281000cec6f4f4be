import { CtError } from "@classifier-training/base";
import type { LrScheduler, SchedulerOptions } from "@classifier-training/lightning";
import type { optim } from "@classifier-training/torch";
import type { ClassificationModelOptions, PartialTarget } from "./options.ts";

/** How long a training is: what schedules are filled in with. */
export interface TrainingLength {
  /** -1 or Infinity where nothing limits them. */
  readonly maxEpochs: number;
  /** Optimizer steps of the whole training; Infinity where nothing limits them. */
  estimateSteppingBatches(): Promise<number>;
}

type Interval = "epoch" | "step";

/**
 * The schedule that the options name, for Lightning. What only the trainer knows (`T_max`, `total_steps`,
 * `steps_per_epoch`, `num_training_steps`, ...) is filled in where it is absent or null.
 */
export async function makeScheduler(
  optimizer: optim.Optimizer,
  options: ClassificationModelOptions & { readonly scheduler: object },
  length: TrainingLength | undefined,
): Promise<SchedulerOptions | undefined> {
  const { scheduler: given, schedulerMonitor, schedulerInterval, schedulerFrequency } = options;
  const { scheduler: partial, ...rest } = typeof given === "function" ? { scheduler: given } : given;
  if (partial === null) return undefined;
  const interval = rest.interval ?? schedulerInterval ?? intervalOf(partial);
  const frequency = rest.frequency ?? schedulerFrequency;
  const units = once(() => lengthIn(interval, frequency, length));
  const complete = await filledIn(partial, units, { optimizer, length });
  const scheduler = makeOf(complete, optimizer);
  return {
    scheduler,
    interval: interval ?? (perStep.has(scheduler.constructor.name) ? "step" : "epoch"),
    frequency,
    monitor: rest.monitor ?? schedulerMonitor,
    ...(rest.strict !== undefined && { strict: rest.strict }),
    ...(typeof rest.name === "string" && { name: rest.name }),
    ...(rest.reduceOnPlateau !== undefined && { reduceOnPlateau: rest.reduceOnPlateau }),
  };
}

/** A partial gets the optimizer by name; another function as its first argument. */
function makeOf(partial: PartialTarget, optimizer: optim.Optimizer): LrScheduler {
  return (partial.with === undefined ? partial(optimizer) : partial.with({ optimizer })()) as LrScheduler;
}

/** Schedulers that describe a rate per step and not per epoch, as their documentation says. */
const perStep: ReadonlySet<string> = new Set(["OneCycleLR", "CyclicLR"]);

/** How often a scheduler is stepped where the configuration does not say; undefined where only its object knows. */
function intervalOf({ target, kwargs }: PartialTarget): Interval | undefined {
  if (target === undefined) return undefined;
  const name = target.split(/[.#]/).at(-1) ?? "";
  const bySteps = perStep.has(name) || target.startsWith("transformers.") || kwargs?.["t_in_epochs"] === false;
  return bySteps ? "step" : "epoch";
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** How often a scheduler of this interval is stepped in the whole training; undefined where nothing limits it. */
async function lengthIn(
  interval: Interval | undefined,
  frequency: number,
  length: TrainingLength | undefined,
): Promise<number | undefined> {
  const count = interval === "step" ? await length?.estimateSteppingBatches() : length?.maxEpochs;
  if (count === undefined || !Number.isFinite(count) || count <= 0) return undefined;
  return Math.max(1, Math.ceil(count / frequency));
}

interface Known {
  readonly optimizer: optim.Optimizer;
  readonly length: TrainingLength | undefined;
}

/** Options that are the length of the schedule, also where the class has a default for them but the value is null. */
const lengths = ["t_max", "t0", "t_initial", "num_training_steps", "max_epochs", "total_iters"];

async function filledIn(
  partial: PartialTarget,
  units: () => Promise<number | undefined>,
  known: Known,
): Promise<PartialTarget> {
  const { kwargs = {}, optionNames = [], with: more, target = "scheduler" } = partial;
  if (more === undefined) return partial;
  const keyOf = (name: string) => Object.keys(kwargs).find((key) => plain(key) === plain(name)) ?? name;
  const given = (name: string) => kwargs[keyOf(name)] ?? undefined;
  const takes = (name: string) => optionNames.includes(name);
  const isOpen = (name: string) => takes(name) && given(name) === undefined;
  const found: Record<string, unknown> = {};
  const need = async (name: string) => (await units()) ?? unknownLength(target, name);

  for (const name of lengths) {
    // PyTorch's default of 5 holds unless it is null.
    if (isOpen(name) && (name !== "total_iters" || keyOf(name) in kwargs)) found[keyOf(name)] = await need(name);
  }
  // Three phases, as the 90 epochs of ImageNet recipes; decays at a half and three quarters, as in He et al., 2016.
  if (isOpen("step_size")) found["step_size"] = Math.max(1, Math.ceil((await need("step_size")) / 3));
  if (isOpen("milestones") && !takes("schedulers")) {
    const whole = await need("milestones");
    found["milestones"] = [Math.floor(whole / 2), Math.floor((whole * 3) / 4)].map((epoch) => Math.max(1, epoch));
  }
  if (takes("steps_per_epoch") && isOpen("total_steps")) await fillCycle(found, isOpen, need, known);
  if (isOpen("max_lr")) {
    const rates = known.optimizer.paramGroups.map(({ lr }) => lr);
    found["max_lr"] = new Set(rates).size === 1 ? rates[0] : rates;
  }
  const inner = given("schedulers");
  if (Array.isArray(inner)) {
    const milestones = (given("milestones") as readonly number[] | undefined) ?? [];
    found["schedulers"] = await Promise.all(
      inner.map((one: PartialTarget, i) => {
        const begin = milestones[i - 1] ?? 0;
        // Each lasts until the next takes over; those of a ChainedScheduler all the time.
        return filledIn(one, async () => milestones[i] ?? ((await units()) ?? Number.NaN) - begin, known);
      }),
    );
  }
  return Object.keys(found).length === 0 ? partial : more(found);
}

/** The length of a OneCycleLR: `total_steps`, or whichever of `epochs` and `steps_per_epoch` is not given. */
async function fillCycle(
  found: Record<string, unknown>,
  isOpen: (name: string) => boolean,
  need: (name: string) => Promise<number>,
  { length }: Known,
): Promise<void> {
  if (isOpen("epochs") && isOpen("steps_per_epoch")) found["total_steps"] = await need("total_steps");
  else if (isOpen("epochs")) found["epochs"] = length?.maxEpochs;
  else if (isOpen("steps_per_epoch")) {
    found["steps_per_epoch"] = Math.ceil((await need("steps_per_epoch")) / Math.max(1, length?.maxEpochs ?? 1));
  }
}

const plain = (name: string) => name.replaceAll("_", "").toLowerCase();

function unknownLength(target: string, name: string): never {
  throw new CtError({
    code: "classifier/scheduler",
    what: `${target}: ${name} is not given, and the training has no fixed length`,
    where: "model.scheduler",
    fix: `set trainer.max_epochs, or +model.scheduler.${name}=LENGTH`,
  });
}
