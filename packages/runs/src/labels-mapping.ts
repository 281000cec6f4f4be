import { join } from "node:path";
import { CtError, parseOptions, readRegularFile, writeFileAtomic } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { quantile } from "./analysis/calibration.ts";
import { runPaths } from "./names.ts";

/** No table of classes is longer; a number beyond it is a damaged or hostile file. */
const maxClasses = 1_000_000;
const maxSide = 16_384;
const maxFileBytes = 256 * 2 ** 20;

/** A JSON object by names that a user chose: unlike `z.record`, keeps one called `__proto__`. */
function objectOf<Value>(value: z.ZodType<Value>) {
  return z.custom<Record<string, Value>>(
    (given) =>
      typeof given === "object" &&
      given !== null &&
      !Array.isArray(given) &&
      Object.values(given).every((entry) => value.safeParse(entry).success),
    `expected an object with values as: ${value.description}`,
  );
}

/**
 * `labels_mapping.json`, the file beside an exported model. The first four keys are the original's; `preprocessing` adds
 * the geometry, without which two programs crop differently and disagree about the same image.
 */
export const labelsMappingSchema = z
  .looseObject({
    num_classes: z.int().positive().max(maxClasses),
    class_to_idx: objectOf(z.int().nonnegative().describe("a class's index")),
    idx_to_class: objectOf(z.string().describe("a class's name")),
    /** What the labels of an image are; exactly one where absent. */
    task: z.enum(["multiclass", "multilabel"]).optional(),
    /** Of a multilabel model, by class index: the sigmoid probability above which a class is predicted (0.5 where absent). */
    thresholds: z.array(z.number().min(0).max(1)).max(maxClasses).optional(),
    /** Of a multiclass model: how sure its logits are, as validation has shown. */
    calibration: z
      .looseObject({
        /** What logits are divided by before softmax. */
        temperature: z.number().positive().max(1000),
        /** Images that it was fitted on. */
        samples: z.int().nonnegative(),
        /** Calibration error on these images, with the temperature and without. */
        ece: z.number(),
        ece_before: z.number(),
        /** Of the confidence in these images, from the smallest to the largest, at equal distances. */
        confidence_quantiles: z.array(z.number().min(0).max(1)).min(2).max(1001),
      })
      .optional(),
    /** The fraction of images like those that is refused as unreadable, the least confident; none where absent. */
    refuse: z.number().min(0).lt(1).optional(),
    normalization: z.object({ mean: z.array(z.number()).length(3), std: z.array(z.number()).length(3) }),
    preprocessing: z
      .looseObject({
        color_order: z.literal("RGB"),
        layout: z.literal("NCHW"),
        /** Whether an image is turned as its EXIF orientation says. */
        exif_orientation: z.boolean().optional(),
        input_height: z.int().positive().max(maxSide),
        input_width: z.int().positive().max(maxSide),
        /** Resizes and crops in their order, every option spelled out. */
        geometry: z.array(z.looseObject({ step: z.string() })).optional(),
        /** Of the pixels before mean and deviation are applied. */
        value_range: z.tuple([z.number(), z.number()]).optional(),
        /** The validation transforms as plain data, from the decoded image to the normalized input. */
        transform: z.looseObject({ transform: z.string(), options: z.record(z.string(), z.unknown()) }),
      })
      .optional(),
  })
  .superRefine(({ num_classes, class_to_idx, idx_to_class, thresholds }, context) => {
    const names = Object.entries(class_to_idx);
    const complain = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (thresholds !== undefined && thresholds.length !== num_classes)
      return complain("thresholds", `expected ${num_classes} (num_classes), received ${thresholds.length}`);
    if (names.length !== num_classes)
      return complain("class_to_idx", `expected ${num_classes} classes (num_classes), received ${names.length}`);
    const byIndex = new Map(names.map(([name, index]) => [index, name]));
    if (byIndex.size < names.length) return complain("class_to_idx", "two classes have the same index");
    for (let index = 0; index < num_classes; index++) {
      const name = byIndex.get(index);
      if (name === undefined) return complain("class_to_idx", `no class has the index ${index}`);
      const other = Object.hasOwn(idx_to_class, index) ? idx_to_class[index] : undefined;
      if (other !== name)
        return complain(
          "idx_to_class",
          `class ${index} is ${JSON.stringify(other) ?? "missing"} here and ${JSON.stringify(name)} in class_to_idx`,
        );
    }
  });

export type LabelsMapping = z.infer<typeof labelsMappingSchema>;

/** How the logits of a model become an answer, as validation has shown. */
export type DecisionRule = Pick<LabelsMapping, "thresholds" | "calibration">;

/** What a model of these labels decides by. */
export function decisionOf({ task, thresholds, calibration }: Partial<LabelsMapping>): DecisionRule {
  return task === "multilabel" ? { thresholds } : { calibration };
}

export type Calibration = NonNullable<LabelsMapping["calibration"]>;

/** The confidence below which a fraction of images, like those of the calibration, is refused. */
export function refusalConfidence({ confidence_quantiles: quantiles }: Calibration, fraction: number): number {
  return fraction === 0 ? 0 : quantile(quantiles, fraction);
}

export function writeLabelsMapping(folder: string, mapping: LabelsMapping): void {
  writeFileAtomic(join(folder, runPaths.labels), `${JSON.stringify(mapping, null, 2)}\n`);
}

/** @throws CtError naming the file and the key that is wrong. */
export function readLabelsMapping(path: string): LabelsMapping {
  return parseLabelsMapping(readRegularFile(path, maxFileBytes).toString("utf8"), path);
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
  return checkLabelsMapping(value, path);
}

/** @throws CtError naming the file and the key that is wrong. */
export function checkLabelsMapping(value: unknown, path: string): LabelsMapping {
  return parseOptions("the labels mapping is not valid", labelsMappingSchema, value, ({ what, cause }) => {
    const fix = "export the model again; the export writes this file";
    return new CtError({ code: "classifier/labels-mapping", what, where: path, fix, cause });
  });
}

/** Class names by index. */
export function classNamesOf(mapping: LabelsMapping): string[] {
  const names = new Array<string>(mapping.num_classes).fill("");
  for (const [name, index] of Object.entries(mapping.class_to_idx)) names[index] = name;
  return names;
}
