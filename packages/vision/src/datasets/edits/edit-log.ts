import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { type Problem, parseOptions, writeFileAtomic } from "@classifier-training/base";
import { isFolder, isImageName } from "@classifier-training/image/files";
import { VisionError } from "../../errors.ts";
import { type Edit, editSchema, importedPrefix, type Line, lineSchema, type RecordedEdit, timeSchema } from "./edit.ts";
import { type EditState, type FoldedEdits, foldEdits } from "./edit-state.ts";
import { LineFile } from "./line-file.ts";

type TimedLine = Line & { readonly time: string };

/** What edits say at one moment, and where they are written. */
export interface Edits extends Pick<EditLog, "folder" | "path" | "nameOf" | "notices" | "state"> {}

/**
 * The edits of a data folder: a file to which lines are appended and that is never rewritten, so that several processes edit
 * the same data and nothing is lost when one is killed. Each `append` is one `write` that has reached the disk when it returns;
 * each access sees what other processes have appended.
 *
 * The edits of a folder are in `FOLDER/.classifier/edits.jsonl`, those of a file `photos.csv` beside it in
 * `.classifier/photos.csv.edits.jsonl`: several lists in a folder have labels of their own.
 */
export class EditLog {
  /** The folder that the names of images are relative to. */
  readonly folder: string;
  /** The file; it exists once there was an edit. */
  readonly path: string;
  readonly #edits: RecordedEdit[] = [];
  readonly #undone: RecordedEdit[] = [];
  /** Folded when somebody asks, and edit by edit from then on. */
  #state: FoldedEdits | undefined;
  readonly #file: LineFile;

  private constructor(folder: string, path: string) {
    this.folder = folder;
    this.path = path;
    const take = (text: string, line: number) => this.#take(parseLine(text, `${path}:${line}`), line);
    this.#file = new LineFile(path, take, () => this.#forget());
  }

  /** @param root the data path, a folder or a file @throws VisionError naming file and line of what cannot be read */
  static open(root: string): EditLog {
    const log = new EditLog(...placesOf(root));
    log.#file.refresh();
    return log;
  }

  /** The edits in force, the oldest first. */
  get edits(): readonly RecordedEdit[] {
    this.#file.refresh();
    return this.#edits;
  }

  /** Edits that were taken back and can be made again, the next one last. */
  get undone(): readonly RecordedEdit[] {
    this.#file.refresh();
    return this.#undone;
  }

  /** What the edits in force say. It changes with the log. */
  get state(): EditState {
    this.#file.refresh();
    this.#state ??= foldEdits(this.#edits);
    return this.#state;
  }

  /** What a user should know of how it was read. */
  get notices(): readonly string[] {
    this.#file.refresh();
    return this.#file.isCutOff
      ? [
          `the last edit was not written to its end (its process was killed, or the disk is full), and is left out: ${this.path}:${this.#file.length + 1}`,
        ]
      : [];
  }

  /** What they say now, whatever is appended later; undefined where that changes nothing. */
  inForce(): Edits | undefined {
    const { folder, path, notices, edits } = this;
    if (edits.every(({ op }) => op === "confirm") && notices.length === 0) return undefined;
    return { folder, path, notices, state: foldEdits(edits), nameOf: (image) => this.nameOf(image) };
  }

  /** Makes an edit. @throws VisionError for one that is not valid, or cannot be written: nothing is changed then */
  append(edit: Edit): void {
    this.#write(parseOptions(`edit '${edit.op}'`, editSchema, edit, editError));
  }

  /** Takes back the last edit in force. @returns it; undefined where there is none */
  undo(): RecordedEdit | undefined {
    const last = this.edits.at(-1);
    if (last !== undefined) this.#write({ op: "undo" });
    return last;
  }

  /** Makes the edit again that was taken back last. @returns it; undefined where there is none */
  redo(): RecordedEdit | undefined {
    const last = this.undone.at(-1);
    if (last !== undefined) this.#write({ op: "redo" });
    return last;
  }

  /** The name that edits have for an image of the folder. */
  nameOf(path: string): string {
    return relative(resolve(this.folder), resolve(path)).split(sep).join("/");
  }

  /**
   * Writes the bytes of an image to be imported, under the hash of its content: the same image once.
   * @param extension such as `.jpg`
   * @returns its name, for an edit `add`
   */
  store(bytes: Uint8Array, extension: string): string {
    const own = extension.toLowerCase();
    if (!isImageName(`x${own}`)) {
      throw editError({
        what: `expected the extension of an image, received '${extension}'`,
        fix: "give .jpg or .png",
      });
    }
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
    const name = `${importedPrefix}${hash}${own}`;
    const path = join(this.folder, name);
    if (!existsSync(path)) writeFileAtomic(path, bytes);
    return name;
  }

  #write({ op, ...fields }: Line): void {
    const line = JSON.stringify({ time: new Date().toISOString(), op, ...fields });
    try {
      this.#file.append(line);
    } catch (cause) {
      if (VisionError.is(cause)) throw cause;
      throw editError({
        what: `the edit was not written: ${(cause as Error).message}`,
        where: this.path,
        fix: "see that the folder can be written and its disk has room",
        cause,
      });
    }
    this.#file.refresh();
  }

  #take(line: TimedLine, number: number): void {
    if (line.op === "undo") {
      const last = this.#edits.pop();
      if (last === undefined) return;
      this.#undone.push(last);
      this.#state = undefined;
      return;
    }
    if (line.op === "redo") {
      const last = this.#undone.pop();
      if (last !== undefined) this.#add(last);
      return;
    }
    this.#undone.length = 0;
    this.#add({ ...line, line: number });
  }

  #add(edit: RecordedEdit): void {
    this.#edits.push(edit);
    this.#state?.apply(edit);
  }

  #forget(): void {
    this.#edits.length = 0;
    this.#undone.length = 0;
    this.#state = undefined;
  }
}

/** The folder that edits of a data path are relative to, and their file. */
export function placesOf(root: string): [folder: string, path: string] {
  if (isFolder(root)) return [root, join(root, ".classifier", "edits.jsonl")];
  const folder = dirname(root);
  return [folder, join(folder, ".classifier", `${basename(root)}.edits.jsonl`)];
}

function parseLine(text: string, where: string): TimedLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(`the line is not JSON: ${(cause as Error).message}`, where, cause);
  }
  const fail = ({ what, cause }: { what: string; cause?: unknown }) => damaged(what, where, cause);
  if (typeof value !== "object" || value === null) throw damaged(`expected an object, received ${text}`, where);
  const { time, ...edit } = value as Record<string, unknown>;
  const [line, at] = [lineSchema.safeParse(edit), timeSchema.safeParse({ time })];
  // What is wrong is found out again, in words: a million lines are read in half the time.
  if (!line.success) return parseOptions("", lineSchema, edit, fail) as never;
  if (!at.success) return parseOptions("", timeSchema, { time }, fail) as never;
  return { ...line.data, time: at.data.time };
}

function damaged(what: string, where: string, cause?: unknown): VisionError {
  const fix = "restore the file from a copy, or delete this line: the other edits stay";
  return editError({ what: `an edit cannot be read: ${what}`, where, fix, cause });
}

function editError(problem: Omit<Problem, "code">): VisionError {
  return new VisionError({ code: "vision/edits", ...problem });
}
