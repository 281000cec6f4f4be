import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { CtError, csvText, parseCsv } from "@classifier-training/base";
import { type SplitLayout, splitLayout } from "@classifier-training/vision";

/** Synthetic images of class folders are in a subfolder of this name in each; others in one folder with their annotations. */
const ownFolder = "synthetic";

/** A row of `annotations.jsonl`, with the style of the rendered image as metadata. */
export interface SynthAnnotation {
  readonly image: string;
  readonly prefix: string;
  readonly suffix: string;
  readonly metadata: {
    readonly jersey_color: string;
    readonly number_color: string;
    readonly border: boolean;
    readonly font: string;
    readonly synthetic: true;
  };
}

/** Where synthetic images go. */
export interface SynthPlace {
  readonly folder: string;
  readonly layout: SplitLayout;
}

/**
 * The place for synthetic images of a split, labeled as the split is.
 * @param out another folder than the default
 * @throws CtError when that folder would become a class
 */
export function synthPlace(split: string, out: string | undefined): SynthPlace {
  const layout = splitLayout(split);
  if (layout !== "folders") return { folder: out ?? join(split, ownFolder), layout };
  const inside = out !== undefined && `${resolve(out)}${sep}`.startsWith(`${resolve(split)}${sep}`);
  if (!inside) return { folder: out ?? split, layout };
  throw new CtError({
    code: "synth/folder",
    what: `${split} has one folder per class: ${out} would be read as a class`,
    fix: `omit --out (the images go into CLASS/${ownFolder}), or give a folder outside of ${split}`,
  });
}

/** Path of a synthetic image below the place's folder. */
export function imageName(layout: SplitLayout, label: string, index: number): string {
  const name = `${String(index).padStart(6, "0")}.jpg`;
  return layout === "folders" ? `${label}/${ownFolder}/${name}` : `${label}/${name}`;
}

/** The annotation file; undefined for class folders. */
export function annotationFile(layout: SplitLayout): string | undefined {
  if (layout === "folders") return undefined;
  return layout === "jsonl" ? "annotations.jsonl" : layout;
}

export function annotationText(layout: SplitLayout, rows: readonly SynthAnnotation[]): string {
  if (layout === "jsonl") return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const flat = rows.map(({ image, suffix, metadata }) => ({ file_name: image, label: suffix, ...metadata }));
  if (layout === "metadata.jsonl") return flat.map((row) => `${JSON.stringify(row)}\n`).join("");
  const columns = Object.keys(flat[0] ?? { file_name: "", label: "" });
  return csvText(
    columns,
    flat.map((row) => Object.values(row).map(String)),
  );
}

/** Whether a path is a synthetic image of an earlier run. */
export function isSyntheticFile({ folder, layout }: SynthPlace, path: string): boolean {
  const parts = relative(folder, path).split(sep);
  if (layout !== "folders") return parts[0] !== "..";
  return parts.length === 3 && parts[1] === ownFolder && /^\d{6}\.jpg$/.test(parts[2] as string);
}

/** Synthetic images of an earlier run. @throws CtError when the annotations there name other images */
export function syntheticFiles(place: SynthPlace): string[] {
  const { folder, layout } = place;
  const file = annotationFile(layout);
  if (file === undefined) {
    const folders = existsSync(folder) ? readdirSync(folder).map((label) => join(folder, label, ownFolder)) : [];
    return folders
      .filter((path) => existsSync(path))
      .flatMap((path) => readdirSync(path).map((name) => join(path, name)))
      .filter((path) => isSyntheticFile(place, path));
  }
  const annotations = join(folder, file);
  if (!existsSync(annotations)) return [];
  const rows = rowsOf(annotations, layout);
  if (rows.some(({ synthetic }) => !synthetic)) {
    throw new CtError({
      code: "synth/folder",
      what: `${annotations} names images that are not synthetic: it would be overwritten`,
      fix: "give another folder with --out",
    });
  }
  return rows.map(({ image }) => join(folder, image));
}

function rowsOf(file: string, layout: SplitLayout): { image: string; synthetic: boolean }[] {
  const text = readFileSync(file, "utf8");
  if (layout === "metadata.csv") {
    return parseCsv(text, file).map(({ values }) => ({
      image: values["file_name"] ?? "",
      synthetic: values["synthetic"] === "true",
    }));
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => {
    const row = JSON.parse(line) as { image?: string; file_name?: string; synthetic?: boolean; metadata?: unknown };
    const { synthetic } = layout === "jsonl" ? ((row.metadata ?? {}) as { synthetic?: boolean }) : row;
    return { image: row.image ?? row.file_name ?? "", synthetic: synthetic === true };
  });
}
