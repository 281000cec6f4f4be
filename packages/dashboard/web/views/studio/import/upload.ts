import { signal } from "@preact/signals";
import { type ImportedFile, type ImportReply, maxArchiveBytes, maxImportBytes } from "../../../../src/studio-types.ts";
import { api } from "../../../state/api.ts";
import { announcement, edit } from "../store.ts";
import { folderOf, type GivenFile, isArchive } from "./dropped-files.ts";

/** Which class imported images get: one, that of their folder, or none. */
export type LabelChoice = { readonly kind: "none" | "folder" } | { readonly kind: "class"; readonly name: string };

export interface ImportProgress {
  readonly total: number;
  readonly done: number;
  readonly added: number;
  /** Images that were there already. */
  readonly known: number;
  readonly failed: readonly ImportedFile[];
  readonly isRunning: boolean;
  readonly isCanceled: boolean;
}

/** The import that runs, or the last one. */
export const importProgress = signal<ImportProgress | undefined>(undefined);

/** Files that are sent at the same time. */
const inFlight = 3;
/** An edit names so many images: what was sent is part of the data soon, and the history stays short. */
const editSize = 100;

function change(by: Partial<ImportProgress>): void {
  const now = importProgress.value;
  if (now !== undefined) importProgress.value = { ...now, ...by };
}

export function cancelImport(): void {
  change({ isCanceled: true });
}

/** Images that are stored, until an edit makes them a part of the data: the same edit for those of one class. */
class Batches {
  readonly #byLabel = new Map<string, { path: string; source: string }[]>();

  async add(label: string, path: string, source: string): Promise<void> {
    const batch = this.#byLabel.get(label) ?? [];
    this.#byLabel.set(label, batch);
    batch.push({ path, source });
    if (batch.length >= editSize) await this.#write(label);
  }

  async end(): Promise<void> {
    for (const label of this.#byLabel.keys()) await this.#write(label);
  }

  async #write(label: string): Promise<void> {
    const images = this.#byLabel.get(label) ?? [];
    this.#byLabel.set(label, []);
    if (images.length === 0) return;
    const isWritten = await edit({ op: "add", images, ...(label !== "" && { label }) });
    if (isWritten) change({ added: (importProgress.value?.added ?? 0) + images.length });
  }
}

/** Imports files, several at a time; each one that cannot be is said, and the others are imported. */
export async function importFiles(files: readonly GivenFile[], choice: LabelChoice): Promise<void> {
  if (importProgress.value?.isRunning) return;
  importProgress.value = {
    ...{ total: files.length, done: 0, added: 0, known: 0 },
    ...{ failed: [], isRunning: true, isCanceled: false },
  };
  const batches = new Batches();
  const seen = new Set<string>();
  const take = async (reply: ImportedFile) => {
    const { name, path, error } = reply;
    if (error !== undefined || path === undefined)
      return change({ failed: [...(importProgress.value?.failed ?? []), reply] });
    // Twice in the same import, too.
    if (!reply.isNew || seen.has(path)) return change({ known: (importProgress.value?.known ?? 0) + 1 });
    seen.add(path);
    const label = choice.kind === "class" ? choice.name : choice.kind === "folder" ? folderOf(name) : "";
    await batches.add(label, path, name.split("/").at(-1) as string);
  };
  let next = 0;
  const work = async () => {
    for (let i = next++; i < files.length && !importProgress.value?.isCanceled; i = next++) {
      const given = files[i] as GivenFile;
      for (const reply of await send(given)) await take(reply);
      change({ done: (importProgress.value?.done ?? 0) + 1 });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  await batches.end();
  change({ isRunning: false });
  announcement.value = importSummary(importProgress.value as ImportProgress);
}

async function send({ file, name }: GivenFile): Promise<readonly ImportedFile[]> {
  const archive = isArchive(name);
  const most = archive ? maxArchiveBytes : maxImportBytes;
  if (file.size > most) return [{ name, error: `it has more than ${most / 2 ** 20} MB` }];
  try {
    const path = archive ? "studio/archives" : `studio/files?name=${encodeURIComponent(name)}`;
    return (await api<ImportReply>(path, "POST", file)).files;
  } catch (error) {
    return [{ name, error: (error as Error).message }];
  }
}

/** What came of an import, in a sentence. */
export function importSummary({ added, known, failed, isCanceled }: ImportProgress): string {
  return [
    `${isCanceled ? "Canceled: " : ""}${added} imported`,
    ...(known > 0 ? [`${known} ${known === 1 ? "was" : "were"} there already`] : []),
    ...(failed.length > 0 ? [`${failed.length} could not be read`] : []),
  ].join(", ");
}
