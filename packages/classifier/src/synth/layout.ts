import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { CtError, parseCsv } from "@classifier-training/base";
import { type SplitLayout, splitLayout } from "@classifier-training/vision";
import type { SynthAnnotation } from "./dataset.ts";

/** Drawn pictures of class folders lie in a folder of this name in each; others in one folder with their annotations. */
const ownFolder = "synthetic";

/** Where drawn pictures go. */
export interface SynthPlace {
  readonly folder: string;
  readonly layout: SplitLayout;
}

/**
 * The place for pictures that are added to a split, labelled as the split is.
 * @param out another folder than the usual one
 * @throws CtError when that folder would become a class
 */
export function synthPlace(split: string, out: string | undefined): SynthPlace {
  const layout = splitLayout(split);
  if (layout !== "folders") return { folder: out ?? join(split, ownFolder), layout };
  const inside = out !== undefined && `${resolve(out)}${sep}`.startsWith(`${resolve(split)}${sep}`);
  if (!inside) return { folder: out ?? split, layout };
  throw new CtError({
    code: "synth/folder",
    what: `${split} has one folder a class: ${out} would be read as a class`,
    fix: `leave --out away: the pictures go into CLASS/${ownFolder}; or name a folder outside of ${split}`,
  });
}

/** Path of a drawn picture below the place's folder. */
export function imageName(layout: SplitLayout, label: string, index: number): string {
  const name = `${String(index).padStart(6, "0")}.jpg`;
  return layout === "folders" ? `${label}/${ownFolder}/${name}` : `${label}/${name}`;
}

/** The file that labels the pictures; class folders need none. */
export function annotationFile(layout: SplitLayout): string | undefined {
  if (layout === "folders") return undefined;
  return layout === "jsonl" ? "annotations.jsonl" : layout;
}

export function annotationText(layout: SplitLayout, rows: readonly SynthAnnotation[]): string {
  if (layout === "jsonl") return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const flat = rows.map(({ image, suffix, metadata }) => ({ file_name: image, label: suffix, ...metadata }));
  if (layout === "metadata.jsonl") return flat.map((row) => `${JSON.stringify(row)}\n`).join("");
  const columns = Object.keys(flat[0] ?? { file_name: "", label: "" });
  return [columns, ...flat.map((row) => Object.values(row))].map((row) => `${row.join(",")}\n`).join("");
}

/** Whether an image was drawn for a split by an earlier run. */
export function isDrawn({ folder, layout }: SynthPlace, path: string): boolean {
  const parts = relative(folder, path).split(sep);
  if (layout !== "folders") return parts[0] !== "..";
  return parts.length === 3 && parts[1] === ownFolder && /^\d{6}\.jpg$/.test(parts[2] as string);
}

/** What an earlier run drew at a place. @throws CtError when the annotations there are someone else's */
export function drawnFiles(place: SynthPlace): string[] {
  const { folder, layout } = place;
  const file = annotationFile(layout);
  if (file === undefined) {
    const folders = existsSync(folder) ? readdirSync(folder).map((label) => join(folder, label, ownFolder)) : [];
    return folders
      .filter((path) => existsSync(path))
      .flatMap((path) => readdirSync(path).map((name) => join(path, name)))
      .filter((path) => isDrawn(place, path));
  }
  const annotations = join(folder, file);
  if (!existsSync(annotations)) return [];
  const rows = rowsOf(annotations, layout);
  if (rows.some(({ synthetic }) => !synthetic)) {
    throw new CtError({
      code: "synth/folder",
      what: `${annotations} names images that were not drawn: it would be overwritten`,
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
