import { splits } from "@classifier-training/base";
import { z } from "zod";

/** Where imported images lie, as their names begin. */
export const importedPrefix = ".classifier/images/";

const imageName = z.string().min(1);
const images = z.array(imageName).min(1);
const existingClass = z.string().min(1);
const newClass = z
  .string()
  .refine((name) => name.trim() !== "", "expected the name of a class")
  .refine((name) => !/\p{Cc}/u.test(name), "expected a name without control characters");
const imported = z
  .string()
  .refine(
    (path) => path.startsWith(importedPrefix) && /^[^/\\:]+\.\w+$/.test(path.slice(importedPrefix.length)),
    `expected a file in ${importedPrefix}`,
  );

/** Why an image is left out. */
export const exclusionReasons = ["unreadable", "duplicate", "other"] as const;

export type ExclusionReason = (typeof exclusionReasons)[number];

/** What changes the data; `undo` and `redo` are about these. */
const changes = [
  /** Gives images a label, or takes theirs away (`null`). */
  z.strictObject({ op: z.literal("label"), images, label: newClass.nullable() }),
  /** Images whose label was looked at and is right. */
  z.strictObject({ op: z.literal("confirm"), images }),
  z.strictObject({ op: z.literal("exclude"), images, reason: z.enum(exclusionReasons) }),
  z.strictObject({ op: z.literal("include"), images }),
  /** Assigns images to a split, or no longer (`null`). */
  z.strictObject({ op: z.literal("split"), images, split: z.enum(splits).nullable() }),
  /** Imported images, and where each comes from. */
  z.strictObject({
    op: z.literal("add"),
    images: z.array(z.strictObject({ path: imported, source: z.string() })).min(1),
    label: newClass.nullable().optional(),
  }),
  z.strictObject({ op: z.literal("add_class"), name: newClass }),
  /** Into one that exists: both are one class then. */
  z.strictObject({ op: z.literal("rename_class"), from: existingClass, to: newClass }),
  /** Its images have no label then. */
  z.strictObject({ op: z.literal("remove_class"), name: existingClass }),
] as const;

export const editSchema = z.discriminatedUnion("op", [...changes], { error: () => expectedOne(changes) });

/** A change of the data. Images are named by their path relative to the data folder, with `/`. */
export type Edit = z.infer<typeof editSchema>;

const steps = [z.strictObject({ op: z.literal("undo") }), z.strictObject({ op: z.literal("redo") })] as const;

function expectedOne(schemas: readonly { readonly shape: { readonly op: { readonly value: string } } }[]): string {
  return `expected one of ${schemas.map(({ shape }) => shape.op.value).join(", ")}`;
}

/** What a line of the log says beside its time. */
export const lineSchema = z.discriminatedUnion("op", [...changes, ...steps], {
  error: () => expectedOne([...changes, ...steps]),
});

export type Line = z.infer<typeof lineSchema>;

/** ISO 8601. */
export const timeSchema = z.strictObject({ time: z.iso.datetime({ offset: true }) });

/** An edit as the log has it. */
export type RecordedEdit = Edit & {
  /** ISO 8601. */
  readonly time: string;
  /** Of the log's file, from 1. */
  readonly line: number;
};
