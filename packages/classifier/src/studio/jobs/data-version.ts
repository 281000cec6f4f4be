import { type Dirent, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Folders that are looked at: classes of splits. */
const mostFolders = 2000;
const depth = 2;

/**
 * Changes whenever the data of a folder may have: by its edits, and by the times of its folders. Reads no file.
 * @param data a folder, or a file such as a list
 */
export function dataVersion(data: string): string {
  const parts: string[] = [];
  const stamp = (path: string) => {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    parts.push(`${found.isDirectory() ? "" : found.size}:${found.mtimeMs}`);
  };
  const visit = (folder: string, level: number) => {
    if (parts.length >= mostFolders) return;
    stamp(folder);
    if (level === depth) return;
    for (const name of foldersIn(folder)) visit(join(folder, name), level + 1);
  };
  visit(data, 0);
  // The edits, and what else is noted of the data.
  for (const name of linesIn(notesFolder(data))) stamp(join(notesFolder(data), name));
  return parts.join();
}

/** Where the data's edits, imported images and jobs are. */
export function notesFolder(data: string): string {
  const isFolder = statSync(data, { throwIfNoEntry: false })?.isDirectory() ?? true;
  return join(isFolder ? data : dirname(data), ".classifier");
}

function linesIn(folder: string): string[] {
  return entries(folder).flatMap((entry) => (entry.name.endsWith(".jsonl") ? [entry.name] : []));
}

function foldersIn(folder: string): string[] {
  return entries(folder)
    .flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith(".") ? [entry.name] : []))
    .sort();
}

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
