import { z } from "zod";

/** `bundle.json`: what a bundle holds, and the evidence that it works. */
export const bundleManifestSchema = z.looseObject({
  formatVersion: z.literal(1),
  createdAt: z.string(),
  /** SHA-256 of every other file, by its path in the bundle. */
  files: z.record(z.string(), z.string()),
  /** Pictures with the logits that training saw for them. */
  golden: z.array(z.object({ picture: z.string(), label: z.string(), logits: z.array(z.number()) })),
  accuracy: z.object({ split: z.string(), correct: z.int(), n: z.int(), low: z.number(), high: z.number() }).optional(),
  /** Largest difference between ONNX Runtime's and LibTorch's logits at export. */
  parity: z.number().optional(),
  source: z.looseObject({ run: z.string().optional(), weights: z.string().optional() }).optional(),
});

export type BundleManifest = z.infer<typeof bundleManifestSchema>;
