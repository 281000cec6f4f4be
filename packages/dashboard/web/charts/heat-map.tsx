import { useEffect, useRef, useState } from "preact/hooks";
import { ScrollBox } from "../components/scroll-box.tsx";
import { shortNumber } from "../state/format.ts";
import { theme } from "../state/theme.ts";
import { fitted } from "./fitted-text.ts";

interface HeatMapProps {
  readonly label: string;
  /** Steps. */
  readonly columns: readonly number[];
  readonly rows: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
}

const cell = { width: 14, height: 16 };
const nameWidth = 150;
/** A canvas that is higher is not drawn by some browsers. */
const maxRows = 1500;

/** Light is low, dark is high, on a light page; the other way round on a dark one. One hue: safe for every sight. */
function colorOf(part: number, isDark: boolean): string {
  const lightness = isDark ? 22 + 62 * part : 95 - 65 * part;
  return `hsl(200 60% ${lightness}%)`;
}

/** Values of many rows over time. */
export function HeatMap({ label, columns, rows }: HeatMapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hover, setHover] = useState("");
  const shown = rows.slice(0, maxRows);
  const isDark = theme.value === "dark";
  const finite = shown.flatMap(({ values }) => values.filter((value) => value !== null));
  const low = finite.reduce((a, b) => Math.min(a, b), 0);
  const high = finite.reduce((a, b) => Math.max(a, b), Math.max(low + 1e-9, 1));
  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement;
    const ratio = shown.length > 700 ? 1 : devicePixelRatio;
    const [width, height] = [nameWidth + columns.length * cell.width, shown.length * cell.height];
    element.width = width * ratio;
    element.height = height * ratio;
    element.style.width = `${width}px`;
    element.style.height = `${height}px`;
    const context = element.getContext("2d") as CanvasRenderingContext2D;
    context.scale(ratio, ratio);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (const [row, { name, values }] of shown.entries()) {
      context.fillStyle = isDark ? "#d7dee6" : "#2a323b";
      context.fillText(fitted(context, name, nameWidth - 14), 6, (row + 0.5) * cell.height);
      for (const [column, value] of values.entries()) {
        if (value === null) continue;
        context.fillStyle = colorOf((value - low) / (high - low), isDark);
        context.fillRect(nameWidth + column * cell.width, row * cell.height, cell.width - 1, cell.height - 1);
      }
    }
  }, [columns, rows, isDark]);
  const point = (event: MouseEvent) => {
    const column = Math.floor((event.offsetX - nameWidth) / cell.width);
    const { name, values } = shown[Math.floor(event.offsetY / cell.height)] ?? {};
    const value = values?.[column];
    setHover(
      value === undefined || value === null ? (name ?? "") : `${name}, step ${columns[column]}: ${shortNumber(value)}`,
    );
  };
  return (
    <div class="heat-map">
      <p class="note">
        <span>{shortNumber(low)}</span>{" "}
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <span key={part} class="swatch wide" style={{ background: colorOf(part, isDark) }} />
        ))}{" "}
        <span>{shortNumber(high)}</span> <output>{hover}</output>
      </p>
      <ScrollBox label="Heat map of classes">
        <canvas
          ref={canvas}
          role="img"
          aria-label={`${label}: ${rows.length} classes at ${columns.length} steps`}
          onMouseMove={point}
          onMouseLeave={() => setHover("")}
        />
      </ScrollBox>
      {rows.length > maxRows && <p class="note">{`${rows.length - maxRows} more are in the table.`}</p>}
    </div>
  );
}
