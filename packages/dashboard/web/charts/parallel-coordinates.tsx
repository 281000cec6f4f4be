import { useState } from "preact/hooks";
import { ScrollBox } from "../components/scroll-box.tsx";
import { shortNumber } from "../state/format.ts";
import { setParams } from "../state/params.ts";
import { theme } from "../state/theme.ts";

export interface Axis {
  readonly title: string;
  /** One of each trial. */
  readonly values: readonly (string | number | undefined)[];
}

interface ParallelCoordinatesProps {
  readonly axes: readonly Axis[];
  readonly trials: readonly { readonly id: string; readonly title: string; readonly metric: number | undefined }[];
}

const [height, top, bottom, side, step] = [300, 46, 22, 70, 150];

/** A line for each run through its values; its color is the metric, which is the last axis. */
export function ParallelCoordinates({ axes, trials }: ParallelCoordinatesProps) {
  const [pointed, setPointed] = useState<string | undefined>();
  const scales = axes.map(({ values }) => scaleOf(values));
  const width = 2 * side + (axes.length - 1) * step;
  const x = (axis: number) => side + axis * step;
  const y = (part: number) => top + (1 - part) * (height - top - bottom);
  const lines = trials.flatMap(({ id, title }, i) => {
    const parts = scales.map((scale, axis) => scale.place(axes[axis]?.values[i]));
    const last = parts.at(-1);
    return last === undefined ? [] : [{ id, title, last, parts }];
  });
  const isDark = theme.value === "dark";
  const color = (part: number) => `hsl(${280 - 110 * part} 60% ${isDark ? 45 + 30 * part : 62 - 35 * part}%)`;
  return (
    <ScrollBox class="wide" label="Parallel coordinates of the runs">
      <svg
        class="parallel"
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${lines.length} runs over ${axes.length} axes`}
      >
        {lines.map(({ id, title, last, parts }) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the table of runs has the same way for the keys
          <polyline
            key={id}
            data-run={id}
            points={parts.flatMap((part, axis) => (part === undefined ? [] : [`${x(axis)},${y(part)}`])).join(" ")}
            stroke={color(last)}
            class={pointed === undefined ? "" : pointed === id ? "pointed" : "dimmed"}
            onMouseEnter={() => setPointed(id)}
            onMouseLeave={() => setPointed(undefined)}
            onClick={() => setParams({ view: "run", of: id })}
          >
            <title>{title}</title>
          </polyline>
        ))}
        {axes.map(({ title }, axis) => (
          <g key={title}>
            <line x1={x(axis)} x2={x(axis)} y1={top} y2={height - bottom} class="axis" />
            <text x={x(axis)} y={top - 26} class="axis-title" text-anchor="middle">
              {title.length > 22 ? `…${title.slice(-21)}` : title}
              <title>{title}</title>
            </text>
            {scales[axis]?.ticks.map(({ text, part }) => (
              <text key={text} x={x(axis) + 6} y={y(part) + 4} class="tick-text">
                {text.length > 16 ? `${text.slice(0, 15)}…` : text}
              </text>
            ))}
          </g>
        ))}
      </svg>
    </ScrollBox>
  );
}

interface Scale {
  readonly place: (value: string | number | undefined) => number | undefined;
  readonly ticks: readonly { readonly text: string; readonly part: number }[];
}

/** Places from 0 to 1: numbers by their size, or its logarithm where it spans powers of ten; text by its order. */
function scaleOf(values: readonly (string | number | undefined)[]): Scale {
  const known = values.filter((value) => value !== undefined);
  const numbers = known.filter((value) => typeof value === "number" && Number.isFinite(value)) as number[];
  if (numbers.length === known.length && new Set(numbers).size > 1) {
    const isLog = Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) >= 100;
    const form = (value: number) => (isLog ? Math.log(value) : value);
    const [low, high] = [Math.min(...numbers.map(form)), Math.max(...numbers.map(form))];
    const back = (part: number) => (isLog ? Math.exp(low + part * (high - low)) : low + part * (high - low));
    return {
      place: (value) =>
        typeof value === "number" && Number.isFinite(value) ? (form(value) - low) / (high - low) : undefined,
      ticks: [0, 0.25, 0.5, 0.75, 1].map((part) => ({ text: shortNumber(Number(back(part).toPrecision(3))), part })),
    };
  }
  const names = [...new Set(known.map(String))].sort();
  const part = (name: string) => (names.length < 2 ? 0.5 : names.indexOf(name) / (names.length - 1));
  return {
    place: (value) => (value === undefined ? undefined : part(String(value))),
    ticks: names.slice(0, 20).map((name) => ({ text: name, part: part(name) })),
  };
}
