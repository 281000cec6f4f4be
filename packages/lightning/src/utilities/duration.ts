import { z } from "zod";

/** In the order of Python's positional arguments. */
export const timedeltaSchema = z.strictObject({
  days: z.number().optional(),
  seconds: z.number().optional(),
  microseconds: z.number().optional(),
  milliseconds: z.number().optional(),
  minutes: z.number().optional(),
  hours: z.number().optional(),
  weeks: z.number().optional(),
});

/** A time as Lightning takes it: `DD:HH:MM:SS`, or the arguments of Python's `timedelta`. */
export const durationSchema = z.union([
  z
    .string()
    .trim()
    .regex(/^\d+:\d\d:\d\d:\d\d$/, "expected DD:HH:MM:SS"),
  timedeltaSchema,
]);
export type Duration = z.infer<typeof durationSchema>;

export function isDuration(value: unknown): value is Duration {
  return durationSchema.safeParse(value).success;
}

export function durationSeconds(value: Duration): number {
  if (typeof value !== "string") {
    const { weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0, milliseconds = 0, microseconds = 0 } = value;
    return (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds + milliseconds / 1e3 + microseconds / 1e6;
  }
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = value.split(":").map(Number);
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}
