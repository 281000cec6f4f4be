import { useState } from "preact/hooks";
import type { Exclusion, StudioImage } from "../../../../src/studio-types.ts";
import { ClassField } from "../class-name.tsx";
import { edit } from "../store.ts";
import { selected } from "./filters.ts";

/** `3 images`. */
export function counted(count: number): string {
  return `${count.toLocaleString("en")} image${count === 1 ? "" : "s"}`;
}

/** Labels images, and says so. */
export function labelImages(images: readonly StudioImage[], label: string | null): Promise<boolean> {
  const words = label === null ? "no label" : label;
  return edit(
    { op: "label", images: images.map(({ path }) => path), label },
    `${counted(images.length)}: ${words}. ${undoHint}`,
  );
}

/** Leaves images out, and says so. */
export function excludeImages(images: readonly StudioImage[], reason: Exclusion): Promise<boolean> {
  return edit(
    { op: "exclude", images: images.map(({ path }) => path), reason },
    `${counted(images.length)} left out: ${reason}. ${undoHint}`,
  );
}

const undoHint = "z takes it back.";

/** What can be done to the images that are selected. */
export function SelectionBar({ images }: { readonly images: readonly StudioImage[] }) {
  const [label, setLabel] = useState("");
  const paths = images.map(({ path }) => path);
  const none = images.length === 0;
  const isOut = images.some(({ excluded }) => excluded !== undefined);
  return (
    <div class="toolbar selection">
      <span class="count">{none ? "Nothing is selected" : `${counted(images.length)} selected`}</span>
      <form
        class="inline"
        onSubmit={(event) => {
          event.preventDefault();
          void labelImages(images, label.trim());
        }}
      >
        <ClassField label="Class" value={label} onInput={setLabel} placeholder="known or new" />
        <button type="submit" class="primary" disabled={none || label.trim() === ""}>
          Label
        </button>
      </form>
      <button type="button" disabled={none} onClick={() => void labelImages(images, null)}>
        Remove label
      </button>
      <button
        type="button"
        disabled={none || images.some((image) => image.label === undefined)}
        onClick={() => void edit({ op: "confirm", images: paths }, `${counted(images.length)} confirmed.`)}
      >
        Label is right
      </button>
      <label>
        <span class="hidden-label">Leave out, because</span>
        <select
          disabled={none}
          value=""
          onChange={(event) => {
            const reason = event.currentTarget.value as Exclusion;
            event.currentTarget.value = "";
            void excludeImages(images, reason);
          }}
        >
          <option value="" disabled>
            Leave out ...
          </option>
          <option value="unreadable">unreadable</option>
          <option value="duplicate">a duplicate</option>
          <option value="other">not wanted</option>
        </select>
      </label>
      <button
        type="button"
        disabled={!isOut}
        onClick={() => void edit({ op: "include", images: paths }, `${counted(images.length)} used again.`)}
      >
        Use again
      </button>
      <label>
        <span class="hidden-label">Split of the selected images</span>
        <select
          disabled={none}
          value=""
          onChange={(event) => {
            const split = event.currentTarget.value;
            event.currentTarget.value = "";
            void edit(
              { op: "split", images: paths, split: split === "none" ? null : (split as "train" | "val" | "test") },
              `${counted(images.length)}: ${split === "none" ? "no split" : split}.`,
            );
          }}
        >
          <option value="" disabled>
            Split ...
          </option>
          <option value="train">train</option>
          <option value="val">valid</option>
          <option value="test">test</option>
          <option value="none">training chooses</option>
        </select>
      </label>
      <button
        type="button"
        class="link"
        disabled={selected.value.size === 0}
        onClick={() => (selected.value = new Set())}
      >
        Select nothing
      </button>
    </div>
  );
}
