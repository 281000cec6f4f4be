import { createHash } from "node:crypto";
import * as z from "@classifier-training/base/zod";

/** Bundles of the first versions call an image a picture. */
function renamed(sample: unknown): unknown {
  const { picture, ...rest } = (sample ?? {}) as Readonly<Record<string, unknown>>;
  return picture === undefined ? sample : { image: picture, ...rest };
}

/** `bundle.json`: what a bundle holds, and the evidence that it works. */
export const bundleManifestSchema = z.looseObject({
  formatVersion: z.literal(1),
  createdAt: z.string(),
  /** SHA-256 of every other file, by its path in the bundle. */
  files: z.record(z.string(), z.string()),
  /** Images with the logits that the exported model had for them. */
  golden: z
    .array(
      z.preprocess(renamed, z.object({ image: z.string(), label: z.string(), logits: z.array(z.number()).min(1) })),
    )
    .max(100_000),
  accuracy: z
    .object({
      split: z.string(),
      /** Of a multilabel model: images whose labels are all right. */
      correct: z.int(),
      n: z.int(),
      low: z.number(),
      high: z.number(),
      mAP: z.object({ value: z.number(), low: z.number(), high: z.number() }).optional(),
    })
    .optional(),
  /** Largest difference between ONNX Runtime's and LibTorch's logits at export. */
  parity: z.number().optional(),
  /** On how many images of the split that was measured. */
  paritySamples: z.int().optional(),
  source: z.looseObject({ run: z.string().optional(), weights: z.string().optional() }).optional(),
});

/** The manifest's own SHA-256: of its JSON without this key. The files' hashes would prove nothing without it. */
export const manifestHashKey = "manifestSha256";

export function manifestHash({ [manifestHashKey]: _own, ...rest }: Readonly<Record<string, unknown>>): string {
  return sha256(new TextEncoder().encode(JSON.stringify(rest)));
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export type BundleManifest = z.infer<typeof bundleManifestSchema>;
