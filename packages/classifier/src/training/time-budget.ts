import { CtError } from "@classifier-training/base";
import type { TrainingData } from "../data/classification-datamodule.ts";
import type { Speed } from "./measure-speed.ts";

const units: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1 };

/** Less than this is over before the first epoch has ended. */
const leastSeconds = 30;

/** Seconds of a time such as `20m`, `1h30m` or `90s`. @throws CtError for another text */
export function parseTime(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([dhms])/gy)];
  const seconds = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit as string] ?? 0), 0);
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join("") === text;
  if (isWhole && seconds >= leastSeconds) return seconds;
  throw new CtError({
    code: "classifier/time",
    what: `time: expected a time of ${leastSeconds} seconds or more, received '${text}'`,
    where: `time=${text}`,
    fix: "write it as 20m, 1h30m or 90s",
  });
}

/** Seconds as people say them: `40 s`, `6 min`, `1 h 30 min`. */
export function describeTime(seconds: number): string {
  if (seconds < 120) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours === 0) return `${minutes} min`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** `DD:HH:MM:SS`, as `trainer.max_time` takes it. */
export function asMaxTime(seconds: number): string {
  const whole = Math.max(1, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  return [
    two(Math.floor(whole / 86_400)),
    two(Math.floor(whole / 3600) % 24),
    two(Math.floor(whole / 60) % 60),
    two(whole % 60),
  ].join(":");
}

/** Seconds between the decisions and the first step, on a machine with nothing else to do: the run directory, the data, the network. */
const startS = 3;
/** Seconds after the last epoch beside forward passes, likewise: export, comparison of the exported model, reports. */
const endS = 8;

/**
 * Images that are evaluated after the last epoch: validation for the candidates of the best weights, means of checkpoints
 * and larger inputs; training images for the batch norms of three such means.
 */
function endImages({ samples, validationSamples }: TrainingData): number {
  return 9 * validationSamples + 3 * Math.min(4096, samples);
}

/** How the seconds of `time=` are spent. */
export interface Budget {
  /** For the epochs and their validations, with a margin: steps are not equally fast all the time. */
  readonly epochsS: number;
  /** When the epochs must end, whatever they have reached. */
  readonly limitS: number;
}

/**
 * @param total seconds from the start of the command to its end
 * @param spent of them, so far
 */
export function planBudget(total: number, spent: number, speed: Speed, data: TrainingData): Budget {
  const limitS = Math.max(5, total - spent - (startS + endS) * speed.contention - endImages(data) * speed.validationS);
  return { limitS, epochsS: 0.94 * limitS };
}
