import { useState } from "preact/hooks";
import { Dialog } from "../../../components/dialog.tsx";
import { ClassField } from "../class-name.tsx";
import { folderOf, type GivenFile, isArchive } from "./dropped-files.ts";
import { importFiles, type LabelChoice } from "./upload.ts";

interface ImportDialogProps {
  readonly files: readonly GivenFile[];
  readonly onClose: () => void;
}

const maxFolders = 8;

/** Asks which class the images of an import get. */
export function ImportDialog({ files, onClose }: ImportDialogProps) {
  const folders = new Map<string, number>();
  for (const { name } of files) {
    const folder = folderOf(name);
    if (folder !== "") folders.set(folder, (folders.get(folder) ?? 0) + 1);
  }
  const hasArchive = files.some(({ name }) => isArchive(name));
  const mayHaveFolders = folders.size > 0 || hasArchive;
  const [kind, setKind] = useState<LabelChoice["kind"]>(mayHaveFolders ? "folder" : "none");
  const [name, setName] = useState("");
  const isIncomplete = kind === "class" && name.trim() === "";
  const start = () => {
    void importFiles(files, kind === "class" ? { kind, name: name.trim() } : { kind });
    onClose();
  };
  const listed = [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, maxFolders)
    .map(([folder, count]) => `${folder} (${count})`);
  const more = folders.size - listed.length;
  const choice = (value: LabelChoice["kind"], text: string) => (
    <label class="check">
      <input type="radio" name="import-label" checked={kind === value} onChange={() => setKind(value)} />
      {text}
    </label>
  );
  return (
    <Dialog
      title={`Import ${files.length.toLocaleString("en")} file${files.length === 1 ? "" : "s"}`}
      onClose={onClose}
      actions={
        <button type="button" class="primary" disabled={isIncomplete} onClick={start}>
          Import
        </button>
      }
    >
      <fieldset class="choices">
        <legend>Class of the images</legend>
        {mayHaveFolders && choice("folder", "the folder that each lies in")}
        {kind === "folder" && (
          <p class="note">
            <bdi>{`${listed.join(", ")}${more > 0 ? ` and ${more} more` : ""}`}</bdi>
            {hasArchive && " The folders in zip archives, too."}
          </p>
        )}
        {choice("none", "none yet: they are labeled later")}
        {choice("class", "one class for all of them")}
        {kind === "class" && <ClassField label="Class" value={name} onInput={setName} placeholder="known or new" />}
      </fieldset>
      <p class="note">Images are copied into the folder, each content once. The originals stay as they are.</p>
    </Dialog>
  );
}
