import type { ComponentChildren } from "preact";

const [width, height] = [520, 340];
const [left, right, top, bottom] = [62, 24, 12, 44];

/** Where a point of 0..1 by 0..1 stands in a plot, as the attributes of one end of a line. */
export function place<End extends "1" | "2">(x: number, y: number, end: End): Record<`x${End}` | `y${End}`, number> {
  return {
    [`x${end}`]: left + x * (width - left - right),
    [`y${end}`]: height - bottom - y * (height - top - bottom),
  } as Record<`x${End}` | `y${End}`, number>;
}

interface PlotFrameProps {
  readonly label: string;
  readonly x: string;
  readonly y: string;
  /** The value at the top of the y axis. */
  readonly top?: number;
  readonly children: ComponentChildren;
}

/** Two axes in percent around a plot. */
export function PlotFrame({ label, x, y, top: highest = 1, children }: PlotFrameProps) {
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const digits = highest < 0.04 ? 1 : 0;
  return (
    <svg class="plot" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {ticks.map((tick) => {
        const [across, up] = [place(tick, 0, "1"), place(0, tick, "1")];
        return (
          <g key={tick}>
            <line class="plot-grid" {...up} {...place(1, tick, "2")} />
            <text x={across.x1} y={height - bottom + 16} text-anchor="middle">{`${100 * tick}%`}</text>
            <text x={left - 6} y={up.y1 + 4} text-anchor="end">{`${(100 * tick * highest).toFixed(digits)}%`}</text>
          </g>
        );
      })}
      <text x={(left + width - right) / 2} y={height - 6} text-anchor="middle">
        {x}
      </text>
      <text transform={`translate(12 ${(height - bottom + top) / 2}) rotate(-90)`} text-anchor="middle">
        {y}
      </text>
      {children}
    </svg>
  );
}
