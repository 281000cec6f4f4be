/** A file that someone wants to import. */
export interface GivenFile {
  readonly file: File;
  /** With the folders that it lay in: `photos/cat/1.jpg`. */
  readonly name: string;
}

/** What a browser gives of a folder at once. */
const hiddenFile = /(^|\/)(\.|__MACOSX|Thumbs\.db|desktop\.ini)/i;

/** The files of a drop, those in its folders too. */
export async function droppedFiles(transfer: DataTransfer): Promise<GivenFile[]> {
  // Entries are gone once this function has waited.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) return givenFiles(transfer.files);
  const found: GivenFile[] = [];
  for (const entry of entries) await walk(entry, found);
  return found.filter(({ name }) => !hiddenFile.test(name));
}

/** Files of a field, with the folder that was chosen. */
export function givenFiles(files: Iterable<File>): GivenFile[] {
  return [...files]
    .map((file) => ({ file, name: file.webkitRelativePath || file.name }))
    .filter(({ name }) => !hiddenFile.test(name));
}

async function walk(entry: FileSystemEntry, found: GivenFile[]): Promise<void> {
  const name = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ file, name });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader gives a part at a time.
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return;
    for (const one of part) await walk(one, found);
  }
}

/** The folder that a file lay in; empty without one. */
export function folderOf(name: string): string {
  return name.split("/").at(-2) ?? "";
}

export function isArchive(name: string): boolean {
  return /\.zip$/i.test(name);
}
