import { useEffect, useRef, useState } from "preact/hooks";
import type { Column } from "../../state/columns.ts";
import { selectedKeys, toggle } from "../../state/selection.ts";
import { GroupCells, Head, openDetails, placed, RunCells } from "./cells.tsx";
import type { Row } from "./rows.ts";

interface RunTableProps {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** Pixels, as in the style sheet. */
const rowHeight = 36;
/** Rows outside of the view that are there already when it is scrolled. */
const spare = 8;

/** The table of runs (ARIA pattern "grid"): only the rows that are seen exist, so that thousands scroll as ten do. */
export function RunTable({ columns: chosen, rows }: RunTableProps) {
  const columns = placed(chosen);
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const [height, setHeight] = useState(600);
  // The row that the keys move from stays where it is when others come or leave.
  const [activeId, setActiveId] = useState("");
  const activeAt = Math.max(
    0,
    rows.findIndex(({ id }) => id === activeId),
  );
  useEffect(() => {
    const element = box.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(scroll / rowHeight) - spare);
  const last = Math.min(rows.length, Math.ceil((scroll + height) / rowHeight) + spare);
  const shown = rows.slice(first, last).map((row, i) => ({ row, at: first + i }));
  const active = rows[activeAt];
  // Scrolled away with the focus in it: it has to stay in the document.
  if (active !== undefined && activeId !== "" && (activeAt < first || activeAt >= last))
    shown.push({ row: active, at: activeAt });

  const moveTo = (at: number) => {
    const next = rows[Math.min(rows.length - 1, Math.max(0, at))];
    const element = box.current;
    if (next === undefined || element === null) return;
    const index = rows.indexOf(next);
    const [top, seen] = [index * rowHeight, element.clientHeight - 2 * rowHeight];
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top > element.scrollTop + seen) element.scrollTop = top - seen;
    setActiveId(next.id);
    // The row may have to be made first.
    requestAnimationFrame(() =>
      element.querySelector<HTMLElement>(`[aria-rowindex="${index + 2}"]`)?.focus({ preventScroll: true }),
    );
  };
  const onKey = (event: KeyboardEvent) => {
    if ((event.target as HTMLElement).getAttribute("role") !== "row") return;
    const page = Math.max(1, Math.floor(height / rowHeight) - 2);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: activeAt + 1,
      ArrowUp: activeAt - 1,
      PageDown: activeAt + page,
      PageUp: activeAt - page,
      Home: 0,
      End: rows.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) moveTo(to);
    else if (active?.kind === "run" && event.key === " ") toggle(active.run.key);
    else if (active?.kind === "run" && event.key === "Enter") openDetails(active.run.key);
    else return;
    event.preventDefault();
  };
  return (
    <div ref={box} class="table-box" onScroll={(event) => setScroll(event.currentTarget.scrollTop)}>
      <div
        class="table"
        role="grid"
        aria-label="Runs"
        aria-rowcount={rows.length + 1}
        aria-colcount={columns.length + 1}
        aria-multiselectable="true"
      >
        <div class="table-row table-head" role="row" aria-rowindex={1}>
          <span role="columnheader" class="cell tick pinned">
            <span class="hidden-label">In the charts</span>
          </span>
          {columns.map((column) => (
            <Head key={column.id} column={column} />
          ))}
        </div>
        <div class="table-space" style={{ height: `${rows.length * rowHeight}px` }}>
          {shown.map(({ row, at }) => (
            <div
              key={row.id}
              role="row"
              class={`table-row ${row.kind === "group" ? "group" : selectedKeys.value.includes(row.run.key) ? "selected" : ""}`}
              aria-rowindex={at + 2}
              aria-selected={row.kind === "run" ? selectedKeys.value.includes(row.run.key) : undefined}
              tabIndex={at === activeAt ? 0 : -1}
              style={{ top: `${at * rowHeight}px` }}
              onFocus={() => setActiveId(row.id)}
              onKeyDown={onKey}
            >
              {row.kind === "group" ? (
                <GroupCells row={row} columns={columns} />
              ) : (
                <RunCells row={row} columns={columns} />
              )}
            </div>
          ))}
        </div>
      </div>
      {rows.length === 0 && <p class="note">No run fits the filter.</p>}
    </div>
  );
}
