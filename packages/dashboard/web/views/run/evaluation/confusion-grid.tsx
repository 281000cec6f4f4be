import { useEffect, useId, useRef, useState } from "preact/hooks";
import { fitted } from "../../../charts/fitted-text.ts";
import { ScrollBox } from "../../../components/scroll-box.tsx";
import { theme } from "../../../state/theme.ts";
import { type ConfusionTable, cellText } from "./confusion-table.ts";

interface ConfusionGridProps {
  readonly table: ConfusionTable;
  /** Class indices, in the order in which they are shown. */
  readonly order: readonly number[];
  readonly isNormalized: boolean;
  readonly title: string;
  readonly onOpen: (row: number, column: number) => void;
}

/** Of more classes there are no names: there is no room. */
const mostNamed = 120;
const overviewSide = 720;
const labelRoom = 130;

function layoutOf(classes: number) {
  const isNamed = classes <= mostNamed;
  const cell = classes <= 20 ? 34 : classes <= 60 ? 20 : isNamed ? 13 : Math.min(13, overviewSide / classes);
  return { cell, left: isNamed ? labelRoom : 4, top: isNamed ? labelRoom : 4, isNamed };
}

/** What is right is blue, what is wrong is orange: apart for every sight, and darker (lighter on a dark page) where there is more. */
function colorOf(part: number, isRight: boolean, isDark: boolean): { readonly fill: string; readonly ink: string } {
  const lightness = isDark ? 18 + 52 * part : 96 - 52 * part;
  return {
    fill: isRight ? `hsl(205 60% ${lightness}%)` : `hsl(24 90% ${lightness}%)`,
    ink: lightness < 45 ? "#ffffff" : "#10161c",
  };
}

/**
 * A confusion matrix on a canvas, with a grid for the keys and for screen readers that has the cell under the cursor only: as
 * fast with 1,000 classes as with ten.
 */
export function ConfusionGrid({ table, order, isNormalized, title, onOpen }: ConfusionGridProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const id = useId();
  const [active, setActive] = useState({ row: 0, column: 0 });
  const [hover, setHover] = useState<{ readonly row: number; readonly column: number } | undefined>();
  const [hasFocus, setFocus] = useState(false);
  const n = order.length;
  const { cell, left, top, isNamed } = layoutOf(n);
  const isDark = theme.value === "dark";
  const clamp = (value: number) => Math.min(n - 1, Math.max(0, value));
  const at = { row: clamp(active.row), column: clamp(active.column) };

  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement;
    draw(element, table, order, isNormalized, isDark);
  }, [table, order, isNormalized, isDark]);

  useEffect(() => {
    if (hasFocus) document.getElementById(`${id}-cell`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [at.row, at.column]);

  const pointed = (event: MouseEvent) => {
    const row = Math.floor((event.offsetY - top) / cell);
    const column = Math.floor((event.offsetX - left) / cell);
    return row >= 0 && row < n && column >= 0 && column < n ? { row, column } : undefined;
  };
  const open = ({ row, column }: typeof at) => onOpen(order[row] as number, order[column] as number);
  const onKey = (event: KeyboardEvent) => {
    const { row, column } = at;
    const page = Math.max(1, Math.round(n / 10));
    const moves: Readonly<Record<string, typeof at>> = {
      ArrowDown: { row: row + 1, column },
      ArrowUp: { row: row - 1, column },
      ArrowRight: { row, column: column + 1 },
      ArrowLeft: { row, column: column - 1 },
      PageDown: { row: row + page, column },
      PageUp: { row: row - page, column },
      Home: event.ctrlKey ? { row: 0, column: 0 } : { row, column: 0 },
      End: event.ctrlKey ? { row: n - 1, column: n - 1 } : { row, column: n - 1 },
    };
    const next = moves[event.key];
    if (next !== undefined) setActive({ row: clamp(next.row), column: clamp(next.column) });
    else if (event.key === "Enter" || event.key === " ") open(at);
    else return;
    event.preventDefault();
  };
  const pointedAt = hover ?? (hasFocus ? at : undefined);
  const text = ({ row, column }: typeof at) => cellText(table, order[row] as number, order[column] as number);
  const box = (where: typeof at) => ({
    left: `${left + where.column * cell}px`,
    top: `${top + where.row * cell}px`,
    width: `${Math.max(3, cell)}px`,
    height: `${Math.max(3, cell)}px`,
  });
  if (n === 0) return <p class="note">There are no images.</p>;
  return (
    <div class="confusion">
      <p class="confusion-readout">
        <output>
          {pointedAt === undefined ? "Point at a cell; click or Enter shows its images." : text(pointedAt)}
        </output>
      </p>
      <ScrollBox label={title}>
        <div class="confusion-plot">
          {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: the keys reach the grid in front of it */}
          <canvas ref={canvas} aria-hidden="true" />
          {/* biome-ignore lint/a11y/useSemanticElements: a table of a million cells cannot be made */}
          <div
            class="confusion-keys"
            role="grid"
            tabIndex={0}
            aria-label={`${title}: rows are true classes, columns are predicted ones`}
            aria-rowcount={n}
            aria-colcount={n}
            aria-activedescendant={`${id}-cell`}
            onKeyDown={onKey}
            onFocus={() => setFocus(true)}
            onBlur={() => setFocus(false)}
            onMouseMove={(event) => setHover(pointed(event))}
            onMouseLeave={() => setHover(undefined)}
            onClick={(event) => {
              const where = pointed(event);
              if (where === undefined) return;
              setActive(where);
              open(where);
            }}
          >
            {/* biome-ignore lint/a11y/useSemanticElements: see above */}
            <div role="row" aria-rowindex={at.row + 1} tabIndex={-1}>
              {/* biome-ignore lint/a11y/useSemanticElements: see above */}
              <span
                id={`${id}-cell`}
                role="gridcell"
                tabIndex={-1}
                aria-colindex={at.column + 1}
                class={hasFocus ? "confusion-cursor" : "confusion-cursor idle"}
                style={box(at)}
              >
                <span class="hidden-label">{text(at)}</span>
              </span>
            </div>
          </div>
          {hover !== undefined && <span class="confusion-hover" aria-hidden="true" style={box(hover)} />}
        </div>
      </ScrollBox>
      {!isNamed && (
        <p class="note">
          Rows are true classes, columns are predicted ones; of so many classes pointing at a cell says which.
        </p>
      )}
    </div>
  );
}

function draw(
  element: HTMLCanvasElement,
  table: ConfusionTable,
  order: readonly number[],
  isNormalized: boolean,
  isDark: boolean,
): void {
  const n = order.length;
  const { cell, left, top, isNamed } = layoutOf(n);
  const [width, height] = [left + n * cell + 4, top + n * cell + 4];
  const ratio = Math.min(devicePixelRatio, 4000 / Math.max(width, height));
  element.width = Math.ceil(width * ratio);
  element.height = Math.ceil(height * ratio);
  element.style.width = `${width}px`;
  element.style.height = `${height}px`;
  const context = element.getContext("2d") as CanvasRenderingContext2D;
  context.scale(ratio, ratio);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  const ink = isDark ? "#d7dee6" : "#2a323b";
  context.fillStyle = isDark ? "#161a20" : "#ffffff";
  context.fillRect(left, top, n * cell, n * cell);
  const places = new Map(order.map((index, place) => [index, place]));
  const { rowTotals, cells, names } = table;
  const shareOf = (count: number, row: number) => (isNormalized ? count / (rowTotals[row] || 1) : count);
  const most = cells.reduce((top, { count, row }) => Math.max(top, shareOf(count, row)), 0) || 1;
  const gap = cell >= 6 ? 1 : 0;
  const size = Math.max(1, cell - gap);
  if (cell >= 6) {
    context.fillStyle = isDark ? "#20262e" : "#f1f3f5";
    for (let row = 0; row < n; row++)
      for (let column = 0; column < n; column++) context.fillRect(left + column * cell, top + row * cell, size, size);
  }
  for (const { row, column, count } of [...cells].sort((a, b) => a.count - b.count)) {
    const [y, x] = [places.get(row), places.get(column)];
    if (y === undefined || x === undefined) continue;
    const value = shareOf(count, row);
    // Few errors have to be seen beside many right ones.
    const part = 0.15 + 0.85 * Math.sqrt(value / most);
    const color = colorOf(part, row === column, isDark);
    context.fillStyle = color.fill;
    context.fillRect(left + x * cell, top + y * cell, size, size);
    if (cell < 18) continue;
    const label = isNormalized ? String(Math.round(100 * value)) : count < 1000 ? String(count) : "1k+";
    context.font = cell >= 30 ? "12px system-ui, sans-serif" : "9.5px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillStyle = color.ink;
    if (context.measureText(label).width < cell - 1)
      context.fillText(label, left + (x + 0.5) * cell - 0.5, top + (y + 0.5) * cell);
  }
  if (!isNamed) return;
  context.font = `${Math.min(12, cell - 1)}px system-ui, sans-serif`;
  context.fillStyle = ink;
  for (const [place, index] of order.entries()) {
    const name = fitted(context, names[index] ?? "", labelRoom - 12);
    const middle = (place + 0.5) * cell;
    context.textAlign = "right";
    context.fillText(name, left - 6, top + middle);
    context.save();
    context.translate(left + middle, top - 6);
    context.rotate(-Math.PI / 2);
    context.textAlign = "left";
    context.fillText(name, 0, 0);
    context.restore();
  }
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = isDark ? "#aab5c0" : "#4d5863";
  context.textAlign = "left";
  context.fillText("true ↓  predicted →", 4, 10);
}
