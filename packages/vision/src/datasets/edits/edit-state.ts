import type { Split } from "@classifier-training/base";
import { type Class, ClassNames, nameOf } from "./class-names.ts";
import type { ExclusionReason, RecordedEdit } from "./edit.ts";

/** A label that an edit gave. */
export interface EditedLabel {
  /** What the class is called by now; null for none. */
  readonly label: string | null;
  /** Line of the log. */
  readonly line: number;
}

/** What the edits in force say, by image and class. Images are named by their path relative to the data folder, with `/`. */
export interface EditState {
  /** Of images that an edit labeled; null for those that have none any more. */
  readonly labels: ReadonlyMap<string, string | null>;
  /** The label that an edit gave an image; undefined where none did. */
  labelOf(image: string): EditedLabel | undefined;
  readonly excluded: ReadonlyMap<string, ExclusionReason>;
  readonly splits: ReadonlyMap<string, Split>;
  /** Images whose label was looked at and is right. */
  readonly confirmed: ReadonlySet<string>;
  /** Imported images, and where each comes from. */
  readonly added: ReadonlyMap<string, string>;
  /** Classes that exist without images, too. */
  readonly addedClasses: readonly string[];
  /** What classes of the data are called now, as far as that is another name; null for those that were removed. */
  readonly renamedClasses: ReadonlyMap<string, string | null>;
  /** What a class of the data is called now; null where it was removed. */
  classOf(label: string): string | null;
}

/** Folds edits, one after the other, into what they say together. */
export class FoldedEdits implements EditState {
  readonly #classes = new ClassNames();
  readonly #labels = new Map<string, { readonly class: Class | null; readonly line: number }>();
  readonly excluded = new Map<string, ExclusionReason>();
  readonly splits = new Map<string, Split>();
  readonly confirmed = new Set<string>();
  readonly added = new Map<string, string>();
  #named: ReadonlyMap<string, string | null> | undefined;

  get labels(): ReadonlyMap<string, string | null> {
    this.#named ??= new Map([...this.#labels].map(([image, { class: own }]) => [image, own && nameOf(own)]));
    return this.#named;
  }

  get addedClasses(): readonly string[] {
    return this.#classes.declared();
  }

  get renamedClasses(): ReadonlyMap<string, string | null> {
    return this.#classes.changed();
  }

  labelOf(image: string): EditedLabel | undefined {
    const known = this.#labels.get(image);
    return known && { label: known.class && nameOf(known.class), line: known.line };
  }

  classOf(label: string): string | null {
    return this.#classes.ofData(label);
  }

  apply(edit: RecordedEdit): void {
    this.#named = undefined;
    switch (edit.op) {
      case "label":
        this.#label(edit.images, edit.label, edit.line);
        break;
      case "confirm":
        for (const image of edit.images) this.confirmed.add(image);
        break;
      case "exclude":
        for (const image of edit.images) this.excluded.set(image, edit.reason);
        break;
      case "include":
        for (const image of edit.images) this.excluded.delete(image);
        break;
      case "split":
        for (const image of edit.images) {
          if (edit.split === null) this.splits.delete(image);
          else this.splits.set(image, edit.split);
        }
        break;
      case "add": {
        for (const { path, source } of edit.images) if (!this.added.has(path)) this.added.set(path, source);
        const paths = edit.images.map(({ path }) => path);
        if (edit.label !== undefined) this.#label(paths, edit.label, edit.line);
        break;
      }
      case "add_class":
        this.#classes.declare(edit.name);
        break;
      case "rename_class":
        this.#classes.rename(edit.from, edit.to);
        break;
      case "remove_class":
        this.#classes.remove(edit.name);
        break;
    }
  }

  #label(images: readonly string[], label: string | null, line: number): void {
    const own = label === null ? null : this.#classes.at(label);
    for (const image of images) {
      this.#labels.set(image, { class: own, line });
      // What was looked at was another label.
      this.confirmed.delete(image);
    }
  }
}

export function foldEdits(edits: readonly RecordedEdit[]): FoldedEdits {
  const state = new FoldedEdits();
  for (const edit of edits) state.apply(edit);
  return state;
}
