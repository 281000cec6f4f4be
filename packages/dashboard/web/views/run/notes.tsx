import { useState } from "preact/hooks";
import type { RunDetail } from "../../../src/api-types.ts";
import { canWrite } from "../../state/api.ts";
import { annotate } from "../runs/write.ts";

/** What people note about a run: its name, tags, notes. */
export function Notes({ detail }: { readonly detail: RunDetail }) {
  const { annotations } = detail;
  const [name, setName] = useState(annotations.name);
  const [tags, setTags] = useState(annotations.tags.join(", "));
  const [notes, setNotes] = useState(annotations.notes);
  const [message, setMessage] = useState("");
  const save = async (event: Event) => {
    event.preventDefault();
    const list = tags.split(",").map((tag) => tag.trim());
    try {
      await annotate(detail, { name, tags: [...new Set(list)].filter(Boolean), notes });
      setMessage("Saved.");
    } catch (error) {
      setMessage((error as Error).message);
    }
  };
  const isLocked = !canWrite.value;
  return (
    <form class="notes" onSubmit={save}>
      {isLocked && <p class="note">Read only: open the address that the command printed to change this.</p>}
      <label>
        Name
        <input
          type="text"
          maxLength={200}
          placeholder={detail.name}
          value={name}
          disabled={isLocked}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label>
        Tags, separated by commas
        <input type="text" value={tags} disabled={isLocked} onInput={(event) => setTags(event.currentTarget.value)} />
      </label>
      <label>
        Notes
        <textarea
          rows={8}
          maxLength={20_000}
          value={notes}
          disabled={isLocked}
          onInput={(event) => setNotes(event.currentTarget.value)}
        />
      </label>
      <p>
        <button type="submit" class="primary" disabled={isLocked}>
          Save
        </button>{" "}
        <span role="status">{message}</span>
      </p>
    </form>
  );
}
