import { ProgressBar, Status } from "../../components/status.tsx";
import type { Column } from "../../state/columns.ts";
import { setParams } from "../../state/params.ts";
import { nameOf } from "../../state/runs.ts";
import { selectedKeys, styles, toggle } from "../../state/selection.ts";
import { isPinned } from "./column-chooser.tsx";
import { groupText, type Row, sortBy } from "./rows.ts";

/** A column with its place: how wide it is, and where it stays when it is pinned. */
export interface PlacedColumn extends Column {
  readonly style: { readonly width: string; readonly left?: string };
}

/** Pixels of the first cell of a row, of columns by id, and of all others. */
const tickWidth = 40;
const widths: Readonly<Record<string, number>> = {
  name: 215,
  status: 110,
  epoch: 130,
  current: 100,
  best: 130,
  left: 105,
  started: 150,
  duration: 105,
  tags: 180,
  notes: 220,
  folder: 220,
};
const otherWidth = 145;

/** The columns in the order in which they are seen: those that are pinned first. */
export function placed(columns: readonly Column[]): readonly PlacedColumn[] {
  let left = tickWidth;
  return [...columns.filter(isPinned), ...columns.filter((column) => !isPinned(column))].map((column) => {
    const width = widths[column.id] ?? otherWidth;
    const style = { width: `${width}px`, ...(isPinned(column) && { left: `${left}px` }) };
    left += width;
    return { ...column, style };
  });
}

/** Opens the page of a run. */
export function openDetails(key: string): void {
  setParams({ view: "run", of: key });
}

export function Head({ column }: { readonly column: PlacedColumn }) {
  const isSorted = sortBy.value.replace(/^-/, "") === column.id;
  const isDown = sortBy.value.startsWith("-");
  const next = isSorted ? (isDown ? column.id : `-${column.id}`) : column.isNumeric ? `-${column.id}` : column.id;
  return (
    <span
      role="columnheader"
      aria-sort={isSorted ? (isDown ? "descending" : "ascending") : "none"}
      class={cellClass(column)}
      style={column.style}
      title={column.title}
    >
      <button type="button" onClick={() => sortBy.set(next)}>
        {column.title}
        <span aria-hidden="true">{isSorted ? (isDown ? " ↓" : " ↑") : ""}</span>
      </button>
    </span>
  );
}

function cellClass(column: PlacedColumn): string {
  return `cell column-${column.id.replaceAll(/[^a-z]+/gi, "-")} ${column.isNumeric ? "number" : ""} ${isPinned(column) ? "pinned" : ""}`;
}

export function RunCells({
  row,
  columns,
}: {
  readonly row: Extract<Row, { kind: "run" }>;
  readonly columns: readonly PlacedColumn[];
}) {
  const { run } = row;
  const isShown = selectedKeys.value.includes(run.key);
  return (
    <>
      <span role="gridcell" class="cell tick pinned">
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Show ${nameOf(run)} in the charts`}
          checked={isShown}
          style={{ accentColor: styles.value.get(run.key)?.color ?? "" }}
          onChange={() => toggle(run.key)}
        />
      </span>
      {columns.map((column) => (
        <span
          key={column.id}
          role="gridcell"
          class={cellClass(column)}
          style={column.style}
          title={column.id === "best" && run.monitor ? `${run.monitor.name} ${column.text(run)}` : column.text(run)}
        >
          {column.id === "name" ? (
            <button type="button" class="link" tabIndex={-1} onClick={() => openDetails(run.key)}>
              {nameOf(run)}
            </button>
          ) : column.id === "status" ? (
            <Status status={run.status} />
          ) : column.id === "tags" ? (
            run.annotations.tags.map((tag) => (
              <span key={tag} class="tag">
                {tag}
              </span>
            ))
          ) : (
            column.text(run)
          )}
          {column.id === "epoch" && <ProgressBar run={run} />}
        </span>
      ))}
    </>
  );
}

export function GroupCells({
  row,
  columns,
}: {
  readonly row: Extract<Row, { kind: "group" }>;
  readonly columns: readonly PlacedColumn[];
}) {
  return (
    <>
      <span role="gridcell" class="cell tick pinned" />
      {columns.map((column) => (
        <span key={column.id} role="gridcell" class={cellClass(column)} style={column.style}>
          {column.id === "name"
            ? `${row.title} (${row.runs.length})`
            : column.id === "best" || column.id.startsWith("latest:")
              ? groupText(row.runs, column.value)
              : ""}
        </span>
      ))}
    </>
  );
}
