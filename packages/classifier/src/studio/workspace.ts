import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { CtError, comparePython } from "@classifier-training/base";
import type { StudioChanges, StudioClass, StudioImage } from "@classifier-training/dashboard";
import { describeEdit, type Edit, EditLog, type EditState, type RecordedEdit } from "@classifier-training/vision/data";
import { type FolderImages, readFolder, stampOf } from "./folder-images.ts";

/** How often the folder and its edits are looked at: other processes change them, too. */
const lookMs = 1000;

interface Shown {
  readonly image: StudioImage;
  /** The version in which it changed last. */
  readonly version: number;
}

/**
 * The images of a folder with their labels: what the data says, and what was edited. It follows the folder and the edits of
 * other processes. An edit changes the images that it names, and pages are sent what changed.
 */
export class Workspace {
  /** Absolute. */
  readonly folder: string;
  readonly log: EditLog;
  /** Resolves when the folder was read once. */
  readonly ready: Promise<void>;
  #own: FolderImages = { images: new Map(), classes: [], notices: [], folders: [], stamp: "" };
  readonly #images = new Map<string, Shown>();
  readonly #removed = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  /** The edits that `#images` are made of. */
  #folded: readonly RecordedEdit[] = [];
  #version = 0;
  #reads = 0;
  /** Cursors of another start mean nothing. */
  readonly #start = Date.now().toString(36);
  #isReading = true;
  #problem: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @throws VisionError when the edits cannot be read */
  constructor(folder: string) {
    this.folder = resolve(folder);
    this.log = EditLog.open(this.folder);
    this.ready = this.#follow();
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  get cursor(): string {
    return `${this.#start}.${this.#version}`;
  }

  get notices(): readonly string[] {
    const problems = this.#problem === undefined ? [] : [this.#problem];
    return [...problems, ...this.#own.notices, ...this.log.notices];
  }

  /** How often the folder was read: another number means that files have changed. */
  get reads(): number {
    return this.#reads;
  }

  get images(): readonly StudioImage[] {
    return [...this.#images.values()].map(({ image }) => image);
  }

  image(path: string): StudioImage | undefined {
    return this.#images.get(path)?.image;
  }

  /** Whether the data itself puts an image into a split: a test set must not be trained on by mistake. */
  hasOwnSplit(path: string): boolean {
    return this.#own.images.get(path)?.split !== undefined;
  }

  /** The file of an image that the workspace knows: no other file can be asked for. */
  fileOf(path: string): string | undefined {
    return this.#images.has(path) ? join(this.folder, path) : undefined;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What changed since a cursor, or everything. */
  changesSince(cursor: string | undefined): StudioChanges {
    const [start, text] = cursor?.split(".") ?? [];
    const since = start === this.#start ? Number(text) : Number.NaN;
    const reset = Number.isNaN(since) || since > this.#version;
    const changed = [...this.#images.values()].filter(({ version }) => reset || version > since);
    return {
      cursor: this.cursor,
      reset,
      images: changed.map(({ image }) => image),
      removed: reset ? [] : [...this.#removed].flatMap(([path, version]) => (version > since ? [path] : [])),
      classes: this.classes(),
      canUndo: this.#folded.length > 0,
      canRedo: this.log.undone.length > 0,
    };
  }

  /** All classes: those of the data, those that were added, others that labels name. */
  classes(): StudioClass[] {
    const counts = new Map<string, number>();
    const others = new Set<string>();
    for (const { image } of this.#images.values()) {
      if (image.label === undefined) continue;
      others.add(image.label);
      if (image.excluded === undefined) counts.set(image.label, (counts.get(image.label) ?? 0) + 1);
    }
    const state = this.log.state;
    const own = this.#own.classes.map((name) => state.classOf(name)).filter((name) => name !== null);
    const names = new Set([...own, ...state.addedClasses, ...[...others].sort(comparePython)]);
    return [...names].map((name) => ({ name, count: counts.get(name) ?? 0 }));
  }

  /** Makes an edit. @throws CtError for one that names what is not there: nothing is changed then */
  edit(edit: Edit): void {
    this.#check(edit);
    this.log.append(edit);
    this.#fold();
  }

  /**
   * Takes back the last edit, or all edits after a line of the log.
   * @returns what was taken back, in words
   */
  undo(after?: number): string[] {
    const words: string[] = [];
    while (after === undefined ? words.length === 0 : (this.log.edits.at(-1)?.line ?? 0) > after) {
      const edit = this.log.undo();
      if (edit === undefined) break;
      words.push(describeEdit(edit));
    }
    this.#fold();
    return words;
  }

  /** Makes the edit again that was taken back last. @returns it in words; undefined where there is none */
  redo(): string | undefined {
    const edit = this.log.redo();
    this.#fold();
    return edit && describeEdit(edit);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  /** Images have to be there, and classes to be renamed or removed, too. */
  #check(edit: Edit): void {
    if ("images" in edit && Array.isArray(edit.images)) {
      const isThere = (path: string) =>
        edit.op === "add" ? existsSync(join(this.folder, path)) : this.#images.has(path);
      const missing = pathsOf(edit).find((path) => !isThere(path));
      if (missing !== undefined) throw problem(`there is no image ${missing} in ${this.folder}`);
      const several = edit.op === "label" && edit.images.find((path) => this.#own.images.get(path)?.hasSeveral);
      if (several) throw problem(`${several} has several labels, which are changed in the data's own files`);
      return;
    }
    const names = this.classes().map(({ name }) => name);
    if (edit.op === "add_class" && names.includes(edit.name)) throw problem(`there is a class ${edit.name} already`);
    const gone = edit.op === "rename_class" ? edit.from : edit.op === "remove_class" ? edit.name : undefined;
    if (gone !== undefined && !names.includes(gone)) throw problem(`there is no class ${gone}`);
  }

  async #follow(): Promise<void> {
    const started = performance.now();
    try {
      if (this.#isReading || stampOf(this.#own.folders) !== this.#own.stamp) {
        this.#own = await readFolder(this.folder);
        this.#reads++;
        this.#refresh();
      }
      this.#fold();
      this.#setProblem(undefined);
    } catch (error) {
      this.#setProblem(error instanceof Error ? error.message : String(error));
    }
    if (this.#isReading) {
      this.#isReading = false;
      this.#tell();
    }
    if (this.#isClosed) return;
    // A folder that takes long to read is read less often.
    const wait = Math.max(lookMs, 5 * (performance.now() - started));
    this.#timer = setTimeout(() => void this.#follow(), wait);
    this.#timer.unref();
  }

  #setProblem(text: string | undefined): void {
    if (text === this.#problem) return;
    this.#problem = text;
    this.#tell();
  }

  /** Brings the images up to date with edits that were made or taken back, here or by another process. */
  #fold(): void {
    const edits = this.log.edits;
    let same = Math.min(edits.length, this.#folded.length);
    // Edits are only added and taken away at the end.
    while (same > 0 && edits[same - 1] !== this.#folded[same - 1]) same--;
    const changed = [...this.#folded.slice(same), ...edits.slice(same)];
    if (changed.length === 0) return;
    this.#folded = [...edits];
    if (changed.every((edit) => "images" in edit)) this.#refresh(changed.flatMap(pathsOf));
    else this.#refresh();
    this.#version++;
    this.#tell();
  }

  /** Makes images of what the data and the edits say: the given ones, or all. */
  #refresh(paths?: readonly string[]): void {
    const { state } = this.log;
    const next = this.#version + 1;
    const all = paths ?? new Set([...this.#images.keys(), ...this.#own.images.keys(), ...state.added.keys()]);
    let isChanged = false;
    for (const path of all) {
      const image = this.#imageOf(path, state);
      const before = this.#images.get(path)?.image;
      if (image === undefined) {
        if (!this.#images.delete(path)) continue;
        this.#removed.set(path, next);
      } else {
        if (before !== undefined && isSame(before, image)) continue;
        this.#images.set(path, { image, version: next });
        this.#removed.delete(path);
      }
      isChanged = true;
    }
    if (paths !== undefined || !isChanged) return;
    this.#version = next;
    this.#tell();
  }

  #imageOf(path: string, state: EditState): StudioImage | undefined {
    const own = this.#own.images.get(path);
    const source = state.added.get(path);
    if (own === undefined && (source === undefined || !existsSync(join(this.folder, path)))) return undefined;
    const edited = state.labelOf(path);
    const ownLabel = own?.label === undefined ? undefined : state.classOf(own.label);
    const label = edited === undefined ? ownLabel : edited.label;
    const split = state.splits.get(path) ?? own?.split;
    const excluded = state.excluded.get(path);
    return {
      path,
      ...(label != null && { label }),
      ...(split !== undefined && { split }),
      ...(excluded !== undefined && { excluded }),
      ...(state.confirmed.has(path) && { isConfirmed: true as const }),
      ...(source !== undefined && { source }),
    };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function pathsOf(edit: Edit): readonly string[] {
  if (edit.op === "add") return edit.images.map(({ path }) => path);
  return "images" in edit ? edit.images : [];
}

function isSame(a: StudioImage, b: StudioImage): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function problem(what: string): CtError {
  return new CtError({ code: "classifier/studio", what });
}
