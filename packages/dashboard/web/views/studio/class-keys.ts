import { curveColors } from "@classifier-training/base";
import { computed } from "@preact/signals";
import { theme } from "../../state/theme.ts";
import { classes } from "./store.ts";

/** Without those that do something else: confirm, skip, unreadable, undo. */
const keys = [..."123456789abdefghijklmnopqrtvwxy"];

/** The key of each class, by its place; classes beyond them have none. */
export const classKeys = computed(
  (): ReadonlyMap<string, string> =>
    new Map(classes.value.flatMap(({ name }, i) => (keys[i] === undefined ? [] : [[name, keys[i]]]))),
);

/** The class of a key that was pressed. */
export function classOfKey({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): string | undefined {
  if (ctrlKey || metaKey || altKey) return undefined;
  return [...classKeys.value].find(([, own]) => own === key.toLowerCase())?.[0];
}

/** The color of a class, by its place. There are more classes than colors: it is never without its name. */
export function classColor(name: string): string {
  const colors = curveColors[theme.value];
  const at = classes.value.findIndex((one) => one.name === name);
  return colors[Math.max(0, at) % colors.length] as string;
}

/** Whether a key was meant for a field that is written into, for a dialog, or moves within a list or tabs. */
export function isTyping({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  const moves = /^(Arrow|Home|End|Page)/.test(key);
  return target.closest(`input, textarea, dialog${moves ? ", select, [role=tablist]" : ""}`) !== null;
}
