import { z } from "zod";
import { bytesThrough } from "../functional/convert.ts";
import { jpegRoundTrip } from "../functional/jpeg.ts";
import { ordered } from "./options.ts";
import { defineTransform } from "./transform.ts";

const quality = z
  .number()
  .int("must be an integer")
  .min(1, "must be between 1 and 100")
  .max(100, "must be between 1 and 100");

/** Gives the image the traces of a JPEG file of one quality, or of a random one between two. */
export const JPEG = defineTransform({
  name: "JPEG",
  options: z.strictObject({
    quality: z
      .union([quality, z.tuple([quality, quality]).refine(ordered, "the lower bound must not exceed the upper one")])
      .transform((given): [number, number] => (typeof given === "number" ? [given, given] : given)),
  }),
  sample: ({ quality: [low, high] }, rng) => ({ quality: low + rng.integer(high - low + 1) }),
  apply: (image, params) => bytesThrough(image, (bytes) => jpegRoundTrip(bytes, params.quality)),
});
