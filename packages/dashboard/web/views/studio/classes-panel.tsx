import { useState } from "preact/hooks";
import { Dialog } from "../../components/dialog.tsx";
import { classKeys } from "./class-keys.ts";
import { ClassName } from "./class-name.tsx";
import { counted } from "./grid/selection-bar.tsx";
import { classes, edit, images } from "./store.ts";

type Asked = { readonly name: string; readonly action: "rename" | "remove" };

/** The classes: added, renamed, merged, removed. */
export function ClassesPanel() {
  const [name, setName] = useState("");
  const [asked, setAsked] = useState<Asked | undefined>(undefined);
  const add = async (event: Event) => {
    event.preventDefault();
    if (await edit({ op: "add_class", name: name.trim() }, `Class added: ${name.trim()}.`)) setName("");
  };
  return (
    <div class="classes-panel">
      <form class="toolbar" onSubmit={(event) => void add(event)}>
        <label class="class-field">
          <span>New class</span>
          <input type="text" autocomplete="off" value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <button type="submit" class="primary" disabled={name.trim() === ""}>
          Add class
        </button>
      </form>
      {classes.value.length === 0 ? (
        <p class="note">There are no classes yet. A classifier needs two or more: what it is to tell apart.</p>
      ) : (
        <table class="studio-classes">
          <thead>
            <tr>
              <th>Key</th>
              <th>Class</th>
              <th class="number">Images</th>
              <th>
                <span class="hidden-label">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {classes.value.map(({ name: own, count }) => (
              <tr key={own}>
                <td>{classKeys.value.has(own) && <kbd>{classKeys.value.get(own)}</kbd>}</td>
                <td>
                  <ClassName name={own} />
                </td>
                <td class="number">{count}</td>
                <td class="row-actions">
                  <button
                    type="button"
                    aria-label={`Rename or merge ${own}`}
                    onClick={() => setAsked({ name: own, action: "rename" })}
                  >
                    Rename or merge ...
                  </button>{" "}
                  <button
                    type="button"
                    class="danger"
                    aria-label={`Remove ${own}`}
                    onClick={() => setAsked({ name: own, action: "remove" })}
                  >
                    Remove ...
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {asked?.action === "rename" && <RenameDialog name={asked.name} onClose={() => setAsked(undefined)} />}
      {asked?.action === "remove" && <RemoveDialog name={asked.name} onClose={() => setAsked(undefined)} />}
    </div>
  );
}

/** How many images have a class, those that are left out included. */
function imagesOf(name: string): number {
  return images.value.filter(({ label }) => label === name).length;
}

function RenameDialog({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const [to, setTo] = useState(name);
  const next = to.trim();
  const isThere = next !== name && classes.value.some((one) => one.name === next);
  const rename = async () => {
    const words = isThere ? `${name} is a part of ${next} now.` : `${name} is called ${next} now.`;
    if (await edit({ op: "rename_class", from: name, to: next }, words)) onClose();
  };
  return (
    <Dialog
      title="Rename or merge a class"
      onClose={onClose}
      actions={
        <button type="button" class="primary" disabled={next === "" || next === name} onClick={() => void rename()}>
          {isThere ? "Merge" : "Rename"}
        </button>
      }
    >
      <label class="class-field">
        <span>New name</span>
        <input type="text" autocomplete="off" value={to} onInput={(event) => setTo(event.currentTarget.value)} />
      </label>
      <p class="note">
        {isThere
          ? `There is a class of this name: its images and the ${counted(imagesOf(name))} of ${name} become one class.`
          : `${counted(imagesOf(name))} will have the new name. The name of another class merges both.`}
      </p>
    </Dialog>
  );
}

function RemoveDialog({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const count = imagesOf(name);
  const remove = async () => {
    if (await edit({ op: "remove_class", name }, `Class removed: ${name}.`)) onClose();
  };
  return (
    <Dialog
      title="Remove a class"
      onClose={onClose}
      actions={
        <button type="button" class="danger" onClick={() => void remove()}>
          Remove class
        </button>
      }
    >
      <p>
        <ClassName name={name} />
      </p>
      <p class="note">
        {count === 0
          ? "It has no images."
          : `${counted(count)} will have no label then. The images stay; undo brings the labels back.`}
      </p>
    </Dialog>
  );
}
