/** An archive of LibTorch on a server. */
export interface Archive {
  readonly url: string;
  readonly sha256: string;
  readonly bytes?: number;
}

export interface ArchiveTable {
  readonly version: string;
  /** The oldest glibc that the archives for Linux run on. */
  readonly glibc: string;
  /** By platform (`linux-x64`) and build (`cpu`, `cu126`). */
  readonly builds: Readonly<Record<string, Readonly<Record<string, Archive>>>>;
}

export const archiveServer: string;
export const archiveTable: ArchiveTable;
export function archivesFor(platform?: string, table?: ArchiveTable): Readonly<Record<string, Archive>>;
export function isMusl(): boolean;
export function glibcVersion(): string | undefined;
