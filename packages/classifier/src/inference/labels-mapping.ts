import { join } from "node:path";
import { CtError, writeFileAtomic } from "@classifier-training/base";
import { z } from "zod";

/**
 * `labels_mapping.json`, the file beside an exported model. The first four keys are the original's; `preprocessing` adds
 * the geometry, without which two programs crop differently and disagree about the same picture.
 */
export const labelsMappingSchema = z.looseObject({
  num_classes: z.int().positive(),
  class_to_idx: z.record(z.string(), z.int().nonnegative()),
  idx_to_class: z.record(z.string(), z.string()),
  normalization: z.object({ mean: z.array(z.number()).length(3), std: z.array(z.number()).length(3) }),
  preprocessing: z
    .looseObject({
      color_order: z.literal("RGB"),
      layout: z.literal("NCHW"),
      input_height: z.int().positive(),
      input_width: z.int().positive(),
      /** Resizes and crops in their order, every option spelled out. */
      geometry: z.array(z.looseObject({ step: z.string() })).optional(),
      /** Of the pixels before mean and deviation are applied. */
      value_range: z.tuple([z.number(), z.number()]).optional(),
      /** The validation transforms as plain data, from the decoded picture to the normalised input. */
      transform: z.looseObject({ transform: z.string(), options: z.record(z.string(), z.unknown()) }),
    })
    .optional(),
});

export type LabelsMapping = z.infer<typeof labelsMappingSchema>;

/** The file's name, beside the model. */
export const labelsMappingFile = "labels_mapping.json";

export function writeLabelsMapping(folder: string, mapping: LabelsMapping): void {
  writeFileAtomic(join(folder, labelsMappingFile), `${JSON.stringify(mapping, null, 2)}\n`);
}

/** @throws CtError naming the file and the key that is wrong. */
export function parseLabelsMapping(text: string, path: string): LabelsMapping {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CtError({
      code: "classifier/labels-mapping",
      what: "the labels mapping is not JSON",
      where: path,
      cause,
    });
  }
  const result = labelsMappingSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new CtError({
    code: "classifier/labels-mapping",
    what: `the labels mapping is not valid: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
    where: path,
    fix: "export the model again; the export writes this file",
  });
}

/** Class names by index. */
export function classNamesOf(mapping: LabelsMapping): string[] {
  const names = new Array<string>(mapping.num_classes).fill("");
  for (const [name, index] of Object.entries(mapping.class_to_idx)) names[index] = name;
  return names;
}
