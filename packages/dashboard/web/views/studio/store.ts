import { batch, computed, effect, signal } from "@preact/signals";
import type {
  StudioChanges,
  StudioClass,
  StudioDone,
  StudioEdit,
  StudioImage,
  StudioState,
} from "../../../src/studio-types.ts";
import { api } from "../../state/api.ts";
import { extensionState } from "../../state/extensions.ts";

export const studioState = extensionState<StudioState>("studio");

/** What the server has said. */
const saved = new Map<string, StudioImage>();
/** The same with the edits that are on their way. */
const shown = new Map<string, StudioImage>();
const pending: StudioEdit[] = [];
const version = signal(0);
const savedClasses = signal<readonly StudioClass[]>([]);

/** Whether the list of images is there. */
export const isLoaded = signal(false);
export const canUndo = signal(false);
export const canRedo = signal(false);
/** What was done, for screen readers and for the line below the tabs. */
export const announcement = signal("");
/** Why something was not done. */
export const failure = signal("");

/** All images, in the order of what they are called: 2 before 10. */
export const images = computed((): readonly StudioImage[] => {
  void version.value;
  return [...shown.values()].sort((a, b) => {
    const [first, second] = [orderOf(a), orderOf(b)];
    return first < second ? -1 : first > second ? 1 : a.path < b.path ? -1 : 1;
  });
});

const orders = new Map<string, string>();

/** Texts of this kind have the order of the numbers in them: many thousands are compared with each edit. */
function orderOf(image: StudioImage): string {
  const name = nameOf(image);
  const known = orders.get(name);
  if (known !== undefined) return known;
  const order = name.replace(/\d+/g, (digits) => digits.padStart(12, "0"));
  orders.set(name, order);
  return order;
}

/** The classes with the number of their images, those of edits on their way included. */
export const classes = computed((): readonly StudioClass[] => {
  const counts = new Map(savedClasses.value.map(({ name }) => [name, 0]));
  for (const { label, excluded } of images.value) {
    if (label !== undefined && excluded === undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => ({ name, count }));
});

export function imageAt(path: string): StudioImage | undefined {
  void version.value;
  return shown.get(path);
}

let cursor: string | undefined;
let isFetching = false;

/** Brings the images up to date with the server. */
async function catchUp(): Promise<void> {
  const since = cursor === undefined ? "" : `?since=${encodeURIComponent(cursor)}`;
  const changes = await api<StudioChanges>(`studio/images${since}`);
  cursor = changes.cursor;
  if (changes.reset) {
    saved.clear();
    shown.clear();
  }
  for (const path of changes.removed) for (const map of [saved, shown]) map.delete(path);
  for (const image of changes.images) for (const map of [saved, shown]) map.set(image.path, image);
  for (const edit of pending) preview(edit);
  batch(() => {
    version.value++;
    savedClasses.value = changes.classes;
    canUndo.value = changes.canUndo;
    canRedo.value = changes.canRedo;
    isLoaded.value = true;
  });
}

/** Follows the images for as long as the page is open. */
effect(() => {
  const state = studioState.value;
  if (state !== undefined) void follow();
});

async function follow(): Promise<void> {
  if (isFetching) return;
  isFetching = true;
  try {
    while (studioState.peek()?.cursor !== cursor) {
      const before = cursor;
      await catchUp();
      // What the stream has said may be older than what was just fetched.
      if (before === cursor || Number(cursor?.split(".")[1]) >= Number(studioState.peek()?.cursor.split(".")[1])) break;
    }
  } catch (error) {
    failure.value = (error as Error).message;
  } finally {
    isFetching = false;
  }
}

/** Shows an edit of images before the server has written it. */
function preview(edit: StudioEdit): void {
  if (!("images" in edit) || edit.op === "add") return;
  for (const path of edit.images) {
    const image = shown.get(path);
    if (image !== undefined) shown.set(path, edited(image, edit));
  }
}

function edited(image: StudioImage, edit: StudioEdit): StudioImage {
  const { label, split, excluded, isConfirmed, ...rest } = image;
  const next = { label, split, excluded, isConfirmed };
  if (edit.op === "label") Object.assign(next, { label: edit.label ?? undefined, isConfirmed: undefined });
  if (edit.op === "split") next.split = edit.split ?? undefined;
  if (edit.op === "exclude") next.excluded = edit.reason;
  if (edit.op === "include") next.excluded = undefined;
  if (edit.op === "confirm") next.isConfirmed = true;
  return {
    ...rest,
    ...(next.label !== undefined && { label: next.label }),
    ...(next.split !== undefined && { split: next.split }),
    ...(next.excluded !== undefined && { excluded: next.excluded }),
    ...(next.isConfirmed !== undefined && { isConfirmed: next.isConfirmed }),
  };
}

/** Requests one after the other: the log has edits in the order in which they were made. */
let last: Promise<unknown> = Promise.resolve();

function inOrder<T>(work: () => Promise<T>): Promise<T> {
  const result = last.then(work, work);
  last = result.catch(() => {});
  return result;
}

/**
 * Makes an edit: seen at once, written in order, taken back with a sentence when the server refuses.
 * @param words what is said of it @returns whether it was written
 */
export async function edit(change: StudioEdit, words = ""): Promise<boolean> {
  pending.push(change);
  preview(change);
  batch(() => {
    version.value++;
    failure.value = "";
    if (words !== "") announcement.value = words;
  });
  const done = () => pending.splice(pending.indexOf(change), 1);
  try {
    await inOrder(() => api<StudioDone>("studio/edits", "POST", new Blob([JSON.stringify(change)])));
    // It is written; what the server says of it comes by the stream, too.
    await catchUp().catch(() => {});
    done();
    return true;
  } catch (error) {
    done();
    if ("images" in change && change.op !== "add") {
      for (const path of change.images) {
        const image = saved.get(path);
        if (image === undefined) shown.delete(path);
        else shown.set(path, image);
      }
      for (const other of pending) preview(other);
    }
    batch(() => {
      version.value++;
      announcement.value = "";
      failure.value = `Not saved: ${(error as Error).message}`;
    });
    return false;
  }
}

/** Asks the server to do something to the data. @returns whether it was done */
async function act(path: string, body: object): Promise<boolean> {
  try {
    const { words } = await inOrder(() => api<StudioDone>(path, "POST", body));
    await catchUp();
    batch(() => {
      failure.value = "";
      announcement.value = sentence(words);
    });
    return true;
  } catch (error) {
    failure.value = (error as Error).message;
    return false;
  }
}

/** @param after the line of the log after which everything is taken back; the last edit alone without it */
export const undo = (after?: number) => act("studio/undo", after === undefined ? {} : { after });
export const redo = () => act("studio/redo", {});
export const splitAutomatically = (valFraction: number, testFraction: number) =>
  act("studio/split", { valFraction, testFraction });

function sentence(words: string): string {
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}.`;
}

/** The address of an image: small, large, or whole. */
export function imageUrl(path: string, kind: "thumbnails" | "previews" | "full"): string {
  return `api/studio/${kind}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** What an image is called on the page: imported ones have the name that their file had. */
export function nameOf({ path, source }: StudioImage): string {
  return source ?? path;
}
