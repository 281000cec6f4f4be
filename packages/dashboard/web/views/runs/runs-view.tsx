import { useEffect, useState } from "preact/hooks";
import { FilterField } from "../../components/filter-field.tsx";
import { canWrite } from "../../state/api.ts";
import { columnOf, loadConfigNames, shownColumns } from "../../state/columns.ts";
import { filterOf } from "../../state/filter.ts";
import { param } from "../../state/params.ts";
import { isScanning, listedRuns, showArchived } from "../../state/runs.ts";
import { selectedKeys, selectOnly } from "../../state/selection.ts";
import { ColumnChooser } from "./column-chooser.tsx";
import { DeleteDialog } from "./delete-dialog.tsx";
import { groupBy, rowsOf, sortBy } from "./rows.ts";
import { RunTable } from "./run-table.tsx";
import { archive } from "./write.ts";

const filterText = param("filter");

/** All runs as a table: sorted, filtered, grouped; columns as one likes. */
export function RunsView() {
  const [isDeleting, setDeleting] = useState(false);
  const [message, setMessage] = useState("");
  useEffect(() => {
    loadConfigNames().catch(() => {});
  }, []);
  const columns = [columnOf("name") as NonNullable<ReturnType<typeof columnOf>>, ...shownColumns.value];
  const { fits, unknown } = filterOf(filterText.value, columns);
  const fitting = listedRuns.value.filter(fits);
  const rows = rowsOf(fitting, sortBy.value, groupBy.value);
  const selected = listedRuns.value.filter(({ key }) => selectedKeys.value.includes(key));
  const allArchived = selected.length > 0 && selected.every(({ annotations }) => annotations.archived);
  const write = (work: Promise<void>) =>
    work.then(
      () => setMessage(""),
      (error: Error) => setMessage(error.message),
    );
  return (
    <div class="runs-view">
      <div class="toolbar">
        <FilterField
          label="Filter"
          placeholder='Filter: resnet -failed best > 0.8 tags ~ "first try"'
          value={filterText.value}
          onFilter={(text) => filterText.set(text, false)}
          count={`${fitting.length} of ${listedRuns.value.length} runs${isScanning.value ? ", more are being read" : ""}`}
        />
        <GroupSelect />
        <ColumnChooser />
        <label class="check">
          <input
            type="checkbox"
            checked={showArchived.value !== ""}
            onChange={(event) => showArchived.set(event.currentTarget.checked ? "1" : "")}
          />
          Archived
        </label>
      </div>
      {unknown.length > 0 && <p class="note warning">{`No column is called ${unknown.join(", ")}.`}</p>}
      <div class="toolbar selection">
        <span>{`${selected.length} in the charts`}</span>
        <button
          type="button"
          disabled={fitting.length === 0}
          onClick={() => selectOnly(fitting.slice(0, 20).map(({ key }) => key))}
        >
          {fitting.length > 20 ? "Show first 20" : "Show all"}
        </button>
        <button type="button" disabled={selected.length === 0} onClick={() => selectOnly([])}>
          Hide all
        </button>
        {canWrite.value ? (
          <>
            <button
              type="button"
              disabled={selected.length === 0}
              onClick={() => write(archive(selected, !allArchived))}
            >
              {allArchived ? "Restore" : "Archive"}
            </button>
            <button type="button" class="danger" disabled={selected.length === 0} onClick={() => setDeleting(true)}>
              Delete ...
            </button>
          </>
        ) : (
          <span class="note">
            Read only: the address that the command printed allows names, tags, notes, archiving and deleting.
          </span>
        )}
      </div>
      {message !== "" && (
        <p class="note warning" role="alert">
          {message}
        </p>
      )}
      <RunTable columns={columns} rows={rows} />
      {isDeleting && <DeleteDialog runs={selected} onClose={() => setDeleting(false)} />}
    </div>
  );
}

function GroupSelect() {
  const names = shownColumns.value.filter(({ id }) => id.startsWith("config:"));
  return (
    <label>
      Group by{" "}
      <select value={groupBy.value} onChange={(event) => groupBy.set(event.currentTarget.value)}>
        <option value="">nothing</option>
        <option value="sweep">sweep</option>
        <option value="kind">kind</option>
        <option value="status">status</option>
        {groupBy.value.startsWith("config:") && !names.some(({ id }) => id === groupBy.value) && (
          <option value={groupBy.value}>{groupBy.value.slice("config:".length)}</option>
        )}
        {names.map(({ id, title }) => (
          <option key={id} value={id}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}
