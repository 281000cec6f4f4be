import { useState } from "preact/hooks";
import { Combobox } from "../../components/combobox.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { type Column, choosable, setColumns, shownColumns } from "../../state/columns.ts";
import { param } from "../../state/params.ts";

/** Columns that stay at the left, after the name. */
const pinnedIds = param("pin");

export function isPinned({ id }: Column): boolean {
  return id === "name" || pinnedIds.value.split(",").includes(id);
}

function pin(id: string, isOn: boolean): void {
  const others = pinnedIds.value.split(",").filter((other) => other !== "" && other !== id);
  pinnedIds.set([...others, ...(isOn ? [id] : [])].join());
}

/** Which columns the table has, in which order. */
export function ColumnChooser() {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Columns ...
      </button>
      {isOpen && <ColumnDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function ColumnDialog({ onClose }: { readonly onClose: () => void }) {
  const columns = shownColumns.value;
  const ids = columns.map(({ id }) => id);
  const move = (at: number, by: number) => {
    const next = [...ids];
    const [moved = ""] = next.splice(at, 1);
    next.splice(at + by, 0, moved);
    setColumns(next);
  };
  return (
    <Dialog title="Columns" cancel="Close" onClose={onClose}>
      <Combobox
        label="Add a column"
        placeholder="a metric, or a key of the configuration"
        options={choosable.value.filter(({ id }) => !ids.includes(id))}
        value=""
        onChoose={(id) => setColumns([...ids, id])}
      />
      <ul class="column-list">
        {columns.map((column, at) => (
          <li key={column.id}>
            <span class="run-name">{column.title}</span>
            <label class="check">
              <input
                type="checkbox"
                checked={isPinned(column)}
                onChange={(event) => pin(column.id, event.currentTarget.checked)}
              />
              Pin
            </label>
            <button
              type="button"
              aria-label={`Move ${column.title} left`}
              disabled={at === 0}
              onClick={() => move(at, -1)}
            >
              ↑
            </button>
            <button
              type="button"
              aria-label={`Move ${column.title} right`}
              disabled={at === ids.length - 1}
              onClick={() => move(at, 1)}
            >
              ↓
            </button>
            <button
              type="button"
              aria-label={`Remove ${column.title}`}
              onClick={() => setColumns(ids.filter((id) => id !== column.id))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
