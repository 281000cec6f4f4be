import { batch, computed, signal } from "@preact/signals";
import type { StudioImage } from "../../../../src/studio-types.ts";
import { param } from "../../../state/params.ts";
import { counted } from "../grid/selection-bar.tsx";
import { announcement, edit, imageAt, images, nameOf, undo } from "../store.ts";

/** Which images are looked at: `none` (without a label), `all`, `label:NAME`. */
export const queueParam = param("queue", "none");

/** Paths of the images of the queue as it began: one that gets a label keeps its place. */
export const queue = signal<readonly string[]>([]);
export const place = signal(0);
/** Images from the place on that the next key is about. */
export const span = signal(1);

/** Places and edits of what was done here, for undo. */
const done: { readonly place: number; readonly span: number }[] = [];

export const current = computed((): readonly StudioImage[] =>
  queue.value.slice(place.value, place.value + span.value).flatMap((path) => imageAt(path) ?? []),
);

export function fits({ label, excluded }: StudioImage, which: string): boolean {
  if (excluded !== undefined) return false;
  return which === "all" || (which === "none" ? label === undefined : which === `label:${label}`);
}

/** Begins with the images that fit by now. */
export function restart(): void {
  done.length = 0;
  batch(() => {
    queue.value = images.peek().flatMap((image) => (fits(image, queueParam.peek()) ? [image.path] : []));
    place.value = 0;
    span.value = 1;
  });
}

export function moveTo(at: number): void {
  batch(() => {
    place.value = Math.min(queue.value.length, Math.max(0, at));
    span.value = 1;
  });
}

/** @param by how many images more the next key is about */
export function widen(by: number): void {
  span.value = Math.min(queue.value.length - place.value, Math.max(1, span.value + by));
}

type Step = { readonly label: string | null } | "confirm" | "unreadable";

/** Does something to the current images, and continues with the next. */
export function apply(step: Step): void {
  const chosen = current.value;
  const paths = chosen.map(({ path }) => path);
  if (paths.length === 0) return;
  const [first] = chosen as [StudioImage, ...StudioImage[]];
  if (step === "confirm" && chosen.some(({ label }) => label === undefined)) {
    announcement.value = "Without a label there is nothing to confirm.";
    return;
  }
  const before = { place: place.value, span: span.value };
  done.push(before);
  moveTo(before.place + before.span);
  const next = imageAt(queue.value[place.value] ?? "");
  const what = paths.length === 1 ? nameOf(first) : counted(paths.length);
  const follows = next === undefined ? "That was the last one." : `Next: ${nameOf(next)}.`;
  const write = (words: string) => {
    const text = `${what}: ${words}. ${follows}`;
    if (step === "confirm") return edit({ op: "confirm", images: paths }, text);
    if (step === "unreadable") return edit({ op: "exclude", images: paths, reason: "unreadable" }, text);
    return edit({ op: "label", images: paths, label: step.label }, text);
  };
  const words =
    step === "confirm" ? "label is right" : step === "unreadable" ? "left out, unreadable" : (step.label ?? "no label");
  void write(words).then((isWritten) => {
    if (isWritten) return;
    // Shown again, with the sentence that says why.
    const at = done.indexOf(before);
    if (at >= 0) done.splice(at, 1);
    moveTo(before.place);
  });
}

export function skip(): void {
  const next = imageAt(queue.value[place.value + span.value] ?? "");
  moveTo(place.value + span.value);
  announcement.value = next === undefined ? "Skipped. That was the last one." : `Skipped. Next: ${nameOf(next)}.`;
}

/** Takes the last edit back, and shows its images again. */
export async function stepBack(): Promise<void> {
  if (!(await undo())) return;
  const before = done.pop();
  if (before === undefined) return;
  batch(() => {
    moveTo(before.place);
    span.value = before.span;
  });
}
