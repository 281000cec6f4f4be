import { comparePython, suggestion } from "@classifier-training/base";
import { VisionError } from "../../errors.ts";

/** The columns of a listing, where they are not found by their names. */
export interface ColumnNames {
  readonly imageColumn?: string | undefined;
  readonly labelColumn?: string | undefined;
  readonly splitColumn?: string | undefined;
}

/** The columns that are read; a listing of one split has no split column. */
export interface Columns {
  readonly image: string;
  readonly label: string;
  readonly split: string | undefined;
}

/** Names that columns have in public datasets, in order of precedence. */
const known = {
  image: [
    ..."image file_name filename filepath file_path path image_path image_file imagepath image_name img".split(" "),
    ..."img_path img_name image_id file".split(" "),
  ],
  label: "label suffix class target category labels class_name classname label_name category_name y".split(" "),
  split: "split set partition subset".split(" "),
} as const;

/** The columns with a listing's images, labels and splits; undefined for what none of the known names finds. */
export function findColumns(columns: readonly string[], given: ColumnNames): Partial<Columns> {
  const find = (kind: keyof typeof known, name: string | undefined, others: readonly (string | undefined)[]) => {
    if (name !== undefined) return columns.includes(name) ? name : undefined;
    for (const wanted of known[kind]) {
      const found = columns.find((column) => column.trim().toLowerCase() === wanted && !others.includes(column));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const image = find("image", given.imageColumn, [given.labelColumn, given.splitColumn]);
  const label = find("label", given.labelColumn, [image, given.splitColumn]);
  const split = find("split", given.splitColumn, [image, label]);
  return { ...(image !== undefined && { image }), ...(label !== undefined && { label }), split };
}

/** The columns of a listing. @throws VisionError naming those that are there and the options that name others */
export function requireColumns(columns: readonly string[], given: ColumnNames, file: string): Columns {
  const { image, label, split } = findColumns(columns, given);
  const missing = (kind: keyof typeof known, name: string | undefined): VisionError => {
    const shown = [...columns].sort(comparePython).slice(0, 20).join(", ");
    return new VisionError({
      code: "vision/listing",
      what:
        name === undefined
          ? `${file} has no column that looks like the ${kind}: expected one of ${known[kind].slice(0, 6).join(", ")}`
          : `${file} has no column '${name}'`,
      where: `columns there: ${shown}`,
      fix: name === undefined ? `name it: data.${kind}_column=NAME` : suggestion(name, columns),
    });
  };
  if (image === undefined) throw missing("image", given.imageColumn);
  if (label === undefined) throw missing("label", given.labelColumn);
  if (split === undefined && given.splitColumn !== undefined) throw missing("split", given.splitColumn);
  return { image, label, split };
}
