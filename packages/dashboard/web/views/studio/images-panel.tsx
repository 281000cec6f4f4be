import { useState } from "preact/hooks";
import type { Exclusion } from "../../../src/studio-types.ts";
import { FilterField } from "../../components/filter-field.tsx";
import { classOfKey } from "./class-keys.ts";
import { ExportDialog } from "./export-dialog.tsx";
import {
  everything,
  filtered,
  findParam,
  inParam,
  leftOut,
  noLabel,
  orderParam,
  selectedShown,
  showParam,
} from "./grid/filters.ts";
import { ImageGrid } from "./grid/image-grid.tsx";
import { Preview } from "./grid/preview.tsx";
import { excludeImages, labelImages, SelectionBar } from "./grid/selection-bar.tsx";
import type { GivenFile } from "./import/dropped-files.ts";
import { ImportButtons } from "./import/import-buttons.tsx";
import { classes, images, undo } from "./store.ts";

interface ImagesPanelProps {
  readonly onFiles: (files: readonly GivenFile[]) => void;
  readonly onWebcam: () => void;
}

/** All images as a grid: filtered, selected, labeled, left out, assigned to splits. */
export function ImagesPanel({ onFiles, onWebcam }: ImagesPanelProps) {
  const [open, setOpen] = useState("");
  const [isExporting, setExporting] = useState(false);
  const shown = filtered.value;
  const at = shown.findIndex(({ path }) => path === open);
  const opened = shown[at];
  const chosen = selectedShown.value;
  const press = (event: KeyboardEvent) => {
    const label = classOfKey(event);
    if (label !== undefined && chosen.length > 0) void labelImages(chosen, label);
    else if (event.key === "z") void undo();
    else if (event.key === "u" && chosen.length > 0) void excludeImages(chosen, "unreadable" satisfies Exclusion);
    else return;
    event.preventDefault();
  };
  return (
    <div class="images-panel">
      <div class="toolbar">
        <ImportButtons onFiles={onFiles} onWebcam={onWebcam} />
        <button type="button" onClick={() => setExporting(true)}>
          Export ...
        </button>
      </div>
      <div class="toolbar">
        <FilterField
          label="Find"
          placeholder="Find: names and classes"
          value={findParam.value}
          onFilter={(text) => findParam.set(text, false)}
          count={`${shown.length.toLocaleString("en")} of ${images.value.length.toLocaleString("en")} images`}
        />
        <ShowSelect />
        <label>
          Split{" "}
          <select value={inParam.value} onChange={(event) => inParam.set(event.currentTarget.value)}>
            <option value="">any</option>
            <option value="train">train</option>
            <option value="val">valid</option>
            <option value="test">test</option>
            <option value="none">training chooses</option>
          </select>
        </label>
        <label>
          Order{" "}
          <select value={orderParam.value} onChange={(event) => orderParam.set(event.currentTarget.value)}>
            <option value="name">by name</option>
            <option value="class">by class</option>
            <option value="imported">imported first</option>
          </select>
        </label>
      </div>
      <SelectionBar images={chosen} />
      {shown.length === 0 ? (
        <p class="note">No image fits the filters.</p>
      ) : (
        <ImageGrid images={shown} onOpen={setOpen} onKey={press} />
      )}
      {opened !== undefined && (
        <Preview
          image={opened}
          onPrevious={at > 0 ? () => setOpen(shown[at - 1]?.path ?? "") : undefined}
          onNext={at + 1 < shown.length ? () => setOpen(shown[at + 1]?.path ?? "") : undefined}
          onClose={() => setOpen("")}
        />
      )}
      {isExporting && <ExportDialog onClose={() => setExporting(false)} />}
    </div>
  );
}

function ShowSelect() {
  const all = images.value;
  const out = all.filter(({ excluded }) => excluded !== undefined).length;
  const none = all.filter(({ label, excluded }) => label === undefined && excluded === undefined).length;
  return (
    <label>
      Show{" "}
      <select value={showParam.value} onChange={(event) => showParam.set(event.currentTarget.value)}>
        <option value="">{`all that are used (${all.length - out})`}</option>
        <option value={noLabel}>{`without a label (${none})`}</option>
        <option value={leftOut}>{`left out (${out})`}</option>
        <option value="confirmed">confirmed</option>
        <option value={everything}>{`everything (${all.length})`}</option>
        {classes.value.map(({ name, count }) => (
          <option key={name} value={`label:${name}`}>{`${name} (${count})`}</option>
        ))}
      </select>
    </label>
  );
}
