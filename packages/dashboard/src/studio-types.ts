import type { Split } from "@classifier-training/base";

/** What the server sends of a folder of images, and the page reads. */

/** Sent whenever it has changed. */
export interface StudioState {
  /** The folder of the images, absolute. */
  readonly folder: string;
  /** Another one means that images, labels or classes have changed. */
  readonly cursor: string;
  /** The folder is being read for the first time. */
  readonly isReading: boolean;
  /** What a user should know of how the folder was read. */
  readonly notices: readonly string[];
  /** An automatic split that is being made: images that were read of it. */
  readonly splitting?: { readonly done: number; readonly total: number };
}

/** Why an image is left out. */
export type Exclusion = "unreadable" | "duplicate" | "other";

export interface StudioImage {
  /** Relative to the folder, with `/`: what edits call it. */
  readonly path: string;
  /** Its class; absent without one. */
  readonly label?: string;
  /** The split that it is in, or was assigned to; absent where training chooses. */
  readonly split?: Split;
  readonly excluded?: Exclusion;
  /** Its label was looked at and is right. */
  readonly isConfirmed?: true;
  /** Of an imported image: what the file was called, or `webcam`. */
  readonly source?: string;
}

export interface StudioClass {
  readonly name: string;
  /** Images of it that are not left out. */
  readonly count: number;
}

/** What has changed since a cursor. */
export interface StudioChanges {
  readonly cursor: string;
  /** Forget what was sent before: `images` are all images. */
  readonly reset: boolean;
  readonly images: readonly StudioImage[];
  /** Paths of images that are gone. */
  readonly removed: readonly string[];
  /** All classes, in an order that new ones do not change. */
  readonly classes: readonly StudioClass[];
  /** Whether there is an edit to be undone, or made again. */
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

/** An edit as the page sends it: fields as in a line of the log. */
export type StudioEdit =
  | { readonly op: "label"; readonly images: readonly string[]; readonly label: string | null }
  | { readonly op: "confirm" | "include"; readonly images: readonly string[] }
  | { readonly op: "exclude"; readonly images: readonly string[]; readonly reason: Exclusion }
  | { readonly op: "split"; readonly images: readonly string[]; readonly split: Split | null }
  | {
      readonly op: "add";
      readonly images: readonly { readonly path: string; readonly source: string }[];
      readonly label?: string;
    }
  | { readonly op: "add_class" | "remove_class"; readonly name: string }
  | { readonly op: "rename_class"; readonly from: string; readonly to: string };

/** An edit in words. */
export interface StudioHistoryEntry {
  /** Of the log's file, from 1. */
  readonly line: number;
  /** ISO 8601. */
  readonly time: string;
  readonly words: string;
}

export interface StudioHistory {
  /** Edits in force, the newest first. */
  readonly edits: readonly StudioHistoryEntry[];
  /** Edits that were taken back and can be made again, the next one first. */
  readonly undone: readonly StudioHistoryEntry[];
  /** Earlier edits that were not sent. */
  readonly earlier: number;
}

/** What was done, in words. */
export interface StudioDone {
  readonly words: string;
}

/** A file that was imported, or was refused. */
export interface ImportedFile {
  /** As it is called where it comes from. */
  readonly name: string;
  /** The image in the folder. */
  readonly path?: string;
  /** Whether there was none with this content. */
  readonly isNew?: boolean;
  /** A sentence. */
  readonly error?: string;
}

export interface ImportReply {
  readonly files: readonly ImportedFile[];
}

/** What is known of one image. */
export interface StudioImageDetails {
  /** Absolute. */
  readonly file: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  readonly width?: number;
  readonly height?: number;
  readonly format?: string;
  /** EXIF, where it is not 1. */
  readonly orientation?: number;
  /** Why it cannot be decoded. */
  readonly error?: string;
}

/** What an image must not exceed to be imported. */
export const maxImportBytes = 2 ** 27;
/** The same of a zip archive. */
export const maxArchiveBytes = 2 ** 29;
