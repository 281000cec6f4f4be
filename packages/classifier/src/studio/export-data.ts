import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { basename, extname } from "node:path";
import { CtError, splitFolderNames } from "@classifier-training/base";
import type { StudioImage } from "@classifier-training/dashboard";
import { Zip, ZipPassThrough } from "fflate";
import type { Workspace } from "./workspace.ts";

/** What a zip archive without zip64 holds at most. */
const maxFiles = 65_535;

/** The images that are trained on. @throws CtError when there is none */
function labeledImages({ images, folder }: Workspace): StudioImage[] {
  const labeled = images.filter(({ label, excluded }) => label !== undefined && excluded === undefined);
  if (labeled.length > 0) return labeled;
  const what = `no image of ${folder} has a label: there is nothing to export`;
  throw new CtError({ code: "classifier/studio", what, fix: "label some first" });
}

/** A line an image: `{"image": "cat/1.jpg", "label": "cat", "split": "valid"}`, paths relative to the folder. */
export function exportedLines(workspace: Workspace): Uint8Array {
  const lines = labeledImages(workspace).map(({ path, label, split }) =>
    JSON.stringify({ image: path, label, ...(split !== undefined && { split: splitFolderNames[split][0] }) }),
  );
  return Buffer.from(`${lines.join("\n")}\n`);
}

/** The folders of an exported archive: one a class, in one a split where images are assigned to splits. */
export function exportedNames(images: readonly StudioImage[]): Map<string, StudioImage> {
  const hasSplits = images.some(({ split }) => split !== undefined);
  const names = new Map<string, StudioImage>();
  for (const image of images) {
    const { path, label = "", split = "train", source } = image;
    const folder = [...(hasSplits ? [splitFolderNames[split][0]] : []), folderName(label)].join("/");
    const own = folderName(basename(source === undefined ? path : source));
    const extension = extname(path);
    const stem = own.toLowerCase().endsWith(extension.toLowerCase()) ? own.slice(0, -extension.length) : own;
    let name = `${folder}/${stem}${extension}`;
    for (let i = 2; names.has(name); i++) name = `${folder}/${stem}-${i}${extension}`;
    names.set(name, image);
  }
  return names;
}

/** A class may have any name, and a folder may not. */
function folderName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  const plain = name.replace(/[\u0000-\u001f/\\:*?"<>|]/g, "_").replace(/^\.+|[. ]+$/g, "_");
  return plain === "" ? "_" : plain;
}

/** Sends a zip archive with one folder a class, as it is read. @throws CtError before anything was sent */
export function zipOf(workspace: Workspace): (response: ServerResponse) => Promise<void> {
  const names = exportedNames(labeledImages(workspace));
  if (names.size > maxFiles) {
    throw new CtError({
      code: "classifier/studio",
      what: `${names.size} images are more than a zip archive of the page holds (${maxFiles})`,
      fix: "export them by the command line: classifier data export FOLDER --to NEW_FOLDER",
    });
  }
  return async (response) => {
    response.writeHead(200, {
      "Content-Type": "application/zip",
      "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(`${basename(workspace.folder)}.zip`)}`,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      "Cross-Origin-Resource-Policy": "same-origin",
    });
    const zip = new Zip((error, chunk, isLast) => {
      if (error) response.destroy(error);
      else response.write(chunk);
      if (isLast) response.end();
    });
    for (const [name, { path }] of names) {
      if (response.destroyed) return;
      const file = workspace.fileOf(path);
      if (file === undefined) continue;
      const entry = new ZipPassThrough(name);
      const bytes = await readFile(file);
      zip.add(entry);
      entry.push(bytes, true);
      if (response.writableNeedDrain) await Promise.race([once(response, "drain"), once(response, "close")]);
    }
    zip.end();
  };
}
