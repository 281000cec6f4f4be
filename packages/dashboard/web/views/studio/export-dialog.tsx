import { Dialog } from "../../components/dialog.tsx";
import { counted } from "./grid/selection-bar.tsx";
import { images, studioState } from "./store.ts";

/** The data for elsewhere: folders of images in an archive, or a list. */
export function ExportDialog({ onClose }: { readonly onClose: () => void }) {
  const count = images.value.filter(({ label, excluded }) => label !== undefined && excluded === undefined).length;
  const name = studioState.value?.folder.split(/[\\/]/).at(-1) ?? "images";
  return (
    <Dialog title="Export the data" onClose={onClose} cancel="Close">
      <p>
        {count === 0
          ? "No image has a label yet: there is nothing to export."
          : `${counted(count)} with a label, with all edits. What is left out or has no label is not in it.`}
      </p>
      {count > 0 && (
        <ul class="choices">
          <li>
            <a href="api/studio/export/images.zip" download={`${name}.zip`}>
              Images as a zip archive
            </a>
            , one folder a class
          </li>
          <li>
            <a href="api/studio/export/labels.jsonl" download={`${name}.jsonl`}>
              Labels as JSONL
            </a>
            , one line an image
          </li>
        </ul>
      )}
      <p class="note">
        By the command line: <code>{`classifier data export ${name} --to ${name}-edited`}</code>
      </p>
    </Dialog>
  );
}
