import { splitFolderNames } from "@classifier-training/base";
import type { Edit } from "./edit.ts";

/** An edit in a few words; `label dog: cat/1.jpg and 11 more`. */
export function describeEdit(edit: Edit): string {
  switch (edit.op) {
    case "label":
      return `${edit.label === null ? "no label" : `label ${edit.label}`}: ${some(edit.images)}`;
    case "confirm":
      return `label is right: ${some(edit.images)}`;
    case "exclude":
      return `left out${edit.reason === "other" ? "" : ` (${edit.reason})`}: ${some(edit.images)}`;
    case "include":
      return `used again: ${some(edit.images)}`;
    case "split":
      return `${edit.split === null ? "any split" : `split ${splitFolderNames[edit.split][0]}`}: ${some(edit.images)}`;
    case "add": {
      const label = edit.label == null ? "" : `, label ${edit.label}`;
      return `added${label}: ${some(edit.images.map(({ source }) => source))}`;
    }
    case "add_class":
      return `class added: ${edit.name}`;
    case "rename_class":
      return `class renamed: ${edit.from} to ${edit.to}`;
    case "remove_class":
      return `class removed: ${edit.name}`;
  }
}

function some(names: readonly string[]): string {
  return names.length === 1 ? (names[0] as string) : `${names[0]} and ${names.length - 1} more`;
}
