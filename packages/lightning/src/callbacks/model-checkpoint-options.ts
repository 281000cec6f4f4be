import { z } from "zod";
import { durationSchema, durationSeconds } from "../utilities/duration.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

const interval = z.union([z.number().min(0), durationSchema]);

export const modelCheckpointOptionsSchema = z.strictObject({
  /** The folder; by default the logger's, or `checkpoints` under the trainer's root folder. */
  dirpath: z.string().nullable().default(null),
  /** A template such as `{epoch:02d}-{val/loss:.2f}`; by default `{epoch}-{step}`. */
  filename: z.string().nullable().default(null),
  /** The metric by which the best are chosen; without it, the latest is kept. */
  monitor: z.string().nullable().default(null),
  verbose: z.boolean().default(false),
  /**
   * Also keep the newest state as `last.ckpt`: with each validation, in the middle of an epoch by time
   * (`checkpointEveryMinutes`), and when training ends. With "link" it is a link wherever that state was saved among the
   * best.
   */
  saveLast: z
    .union([z.boolean(), z.literal("link")])
    .nullable()
    .default(null),
  /** How many of the best to keep; -1 keeps all. */
  saveTopK: z.int().default(1),
  /**
   * After so many minutes since the last checkpoint was written, it is written again, between two batches; 0 or null
   * does without. It holds without `saveLast` too, unless that is false.
   */
  checkpointEveryMinutes: z.number().min(0).nullable().default(10),
  saveOnException: z.boolean().default(false),
  saveWeightsOnly: z.boolean().default(false),
  mode: z.enum(["min", "max"]).default("min"),
  autoInsertMetricName: z.boolean().default(true),
  everyNTrainSteps: z.int().min(0).nullable().default(null),
  /** Seconds, `DD:HH:MM:SS`, or { days, hours, minutes, seconds }. */
  trainTimeInterval: interval.nullable().default(null),
  everyNEpochs: z.int().min(0).nullable().default(null),
  saveOnTrainEpochEnd: z.boolean().nullable().default(null),
  /** Append `-v1`, `-v2`... rather than overwrite a file that is there. */
  enableVersionCounter: z.boolean().default(true),
});
export type ModelCheckpointOptions = z.input<typeof modelCheckpointOptionsSchema>;
export type ParsedModelCheckpointOptions = z.infer<typeof modelCheckpointOptionsSchema>;

/** @throws MisconfigurationError when options exclude each other */
export function validateModelCheckpointOptions(
  options: ParsedModelCheckpointOptions,
  everyNTrainSteps: number,
  everyNEpochs: number,
): void {
  const { saveTopK, monitor, trainTimeInterval } = options;
  if (saveTopK < -1) throw new MisconfigurationError(`Invalid value for saveTopK=${saveTopK}. Must be >= -1`);
  const triggers = [everyNTrainSteps >= 1, everyNEpochs >= 1, trainTimeInterval !== null];
  if (triggers.filter(Boolean).length > 1) {
    throw new MisconfigurationError(
      `Combination of parameters everyNTrainSteps=${everyNTrainSteps}, everyNEpochs=${everyNEpochs} and ` +
        `trainTimeInterval=${trainTimeInterval} should be mutually exclusive.`,
    );
  }
  if (monitor === null && ![-1, 0, 1].includes(saveTopK)) {
    throw new MisconfigurationError(
      `ModelCheckpoint(saveTopK=${saveTopK}, monitor=null) is not a valid configuration. No quantity for top_k to track.`,
      "set `monitor`, or a saveTopK of -1, 0 or 1",
    );
  }
}

/** A time interval in milliseconds. */
export function intervalMs(value: z.infer<typeof interval>): number {
  if (typeof value === "number") return value * 1000;
  return durationSeconds(value) * 1000;
}
