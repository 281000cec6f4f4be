import { isImageName } from "@classifier-training/image/files";
import { VisionError } from "../../errors.ts";
import { cellText, type LabeledRow, labelList } from "../row-labels.ts";
import { type ColumnNames, findColumns } from "./columns.ts";
import { type FileTree, nameOf } from "./file-tree.ts";

/** The files of one key of a WebDataset: `KEY.jpg` with `KEY.cls`, `KEY.txt` or `KEY.json`. */
interface Sample {
  image?: string;
  cls?: string;
  txt?: string;
  json?: string;
}

/**
 * The samples of a WebDataset: files of the same key, which is the name up to its first dot. The label is the text of
 * `.cls`, the label field of `.json` (whose other fields are metadata), or the text of `.txt`.
 * @param allowText whether the text may be a label: beside images in class folders it is a caption
 * @returns undefined when the files are not of this kind
 */
export function pairedRows(tree: FileTree, given: ColumnNames, allowText: boolean): LabeledRow[] | undefined {
  const samples = new Map<string, Sample>();
  for (const path of tree.files()) {
    const name = nameOf(path);
    const dot = name.indexOf(".");
    const kind = isImageName(name) ? "image" : /^\.(?:.*\.)?(cls|txt|json)$/i.exec(name.slice(dot))?.[1]?.toLowerCase();
    if (dot < 0 || kind === undefined || (kind === "txt" && !allowText)) continue;
    const key = path.slice(0, path.length - name.length + dot);
    const sample: Sample = samples.get(key) ?? {};
    sample[kind as keyof Sample] ??= path;
    samples.set(key, sample);
  }
  const isPair = ({ image, cls, txt, json }: Sample) => image !== undefined && (cls ?? txt ?? json) !== undefined;
  const images = [...samples.values()].filter(({ image }) => image !== undefined);
  if (!images.some(isPair)) return undefined;
  const rows = images.map((sample) => rowOf(tree, sample, given));
  return rows.some(({ label, labels }) => label !== "" || labels !== undefined) ? rows : undefined;
}

function rowOf(tree: FileTree, { image, cls, txt, json }: Sample, given: ColumnNames): LabeledRow {
  const path = image as string;
  const text = (file: string) => Buffer.from(tree.read(file)).toString("utf8").trim();
  const fields = json === undefined ? undefined : jsonOf(text(json), json);
  const isObject = typeof fields === "object" && fields !== null && !Array.isArray(fields);
  const values = isObject ? (fields as Readonly<Record<string, unknown>>) : {};
  const column = isObject ? findColumns(Object.keys(values), given).label : undefined;
  const written = cls ?? (column === undefined && isObject ? txt : undefined);
  const value =
    written !== undefined ? text(written) : isObject ? values[column ?? ""] : (fields ?? (txt && text(txt)));
  const labels = Array.isArray(value) ? labelList(value) : undefined;
  const { [column ?? ""]: _, ...metadata } = values;
  return {
    path,
    label: labels?.join(", ") ?? cellText(value),
    ...(labels !== undefined && { labels }),
    where: written ?? json ?? txt ?? path,
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
}

function jsonOf(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new VisionError({
      code: "vision/annotations",
      what: `${where} is not JSON: ${(cause as Error).message}`,
      cause,
    });
  }
}
