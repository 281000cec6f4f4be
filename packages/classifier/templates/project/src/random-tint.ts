import { defineTransform, z } from "classifier-training";

/** Shifts each color channel by a random amount. */
export const RandomTint = defineTransform({
  name: "RandomTint",
  module: import.meta.url,
  options: z.strictObject({ strength: z.number().min(0).max(255).default(20) }),
  sample: ({ strength }, rng) => [0, 1, 2].map(() => Math.round(rng.uniform(-strength, strength))),
  apply(image, shift) {
    const data = image.data.slice();
    for (let i = 0; i < data.length; i++) {
      data[i] = Math.min(255, Math.max(0, (data[i] ?? 0) + (shift[i % image.channels] ?? 0)));
    }
    return { ...image, data };
  },
});
