import uPlot from "uplot";
import { duration, shortNumber } from "../state/format.ts";
import type { Points, XAxis } from "./curves.ts";
import { fillMark, type Mark } from "./marks.ts";

/** One line of a chart. */
export interface Line {
  readonly label: string;
  readonly color: string;
  /** The values as they were logged. */
  readonly points: Points;
  /** What is plotted in front of them. */
  readonly smooth?: readonly number[];
  readonly isDashed: boolean;
  /** On the line, beside its color. */
  readonly mark?: Mark;
  /** Thin: many values beside those of epochs. */
  readonly isFaint: boolean;
  readonly band?: { readonly low: readonly number[]; readonly high: readonly number[] };
  readonly best?: { readonly x: number; readonly y: number } | undefined;
  /** Where the run was resumed. */
  readonly resumed: readonly number[];
}

export interface Plot {
  readonly lines: readonly Line[];
  readonly axis: XAxis;
  readonly logX: boolean;
  readonly logY: boolean;
  readonly yRange?: readonly [number, number] | undefined;
  readonly zoom?: readonly [number, number] | undefined;
  readonly width: number;
  readonly height: number;
  readonly ink: { readonly text: string; readonly grid: string };
}

export interface PlotEvents {
  readonly onZoom: (range: readonly [number, number] | undefined) => void;
  /** What the pointer is over: an x value and the lines' values there. */
  readonly onHover: (at: Hover | undefined) => void;
}

export interface Hover {
  readonly x: number;
  readonly left: number;
  readonly values: readonly {
    readonly label: string;
    readonly color: string;
    readonly mark: Mark;
    readonly value: number;
  }[];
}

export const axisTitles: Readonly<Record<XAxis, string>> = {
  step: "step",
  epoch: "epoch",
  relative: "hours",
  wall: "time",
};

interface Table {
  readonly data: uPlot.AlignedData;
  readonly series: uPlot.Series[];
  readonly bands: uPlot.Band[];
}

const dash = [6, 4];

/** The columns of a chart: each line has its values, and what belongs to them. */
function table({ lines, logX, logY }: Plot): Table {
  const tables: uPlot.AlignedData[] = [];
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  const visible = (x: number, y: number) => Number.isFinite(y) && (!logY || y > 0) && (!logX || x > 0);
  const add = (points: Points, y: readonly number[], options: uPlot.Series) => {
    const kept = points.x.flatMap((x, i) => (visible(x, y[i] as number) ? [i] : []));
    tables.push([kept.map((i) => points.x[i] as number), kept.map((i) => y[i] as number)]);
    series.push({ spanGaps: true, points: { show: kept.length < 3, size: 6 }, ...options });
    return series.length - 1;
  };
  for (const { points, smooth, color, isDashed, isFaint, band } of lines) {
    const style = { stroke: color, ...(isDashed && { dash }) };
    if (band) {
      const thin = { stroke: "transparent", width: 0, points: { show: false } };
      const [high, low] = [add(points, band.high, thin), add(points, band.low, thin)];
      bands.push({ series: [high, low], fill: `${color}30` });
    }
    if (smooth) add(points, points.y, { ...style, width: 1, alpha: 0.3 });
    add(points, smooth ?? points.y, { ...style, width: isFaint ? 1 : 2, alpha: isFaint ? 0.55 : 1 });
  }
  const data = tables.length === 0 ? [[]] : uPlot.join(tables);
  return { data: data as uPlot.AlignedData, series, bands };
}

/** A chart in the page. */
export interface Plotted {
  /** Shows other values of lines of the same form: a drag that is under way is not disturbed. */
  readonly update: (plot: Plot) => void;
  readonly destroy: () => void;
}

/** What a plot has to be made anew for: all but the values of its lines. */
export function formOf({ lines, ...rest }: Plot): string {
  const forms = lines.map(({ label, color, mark, isDashed, isFaint, smooth, band }) => {
    return [label, color, mark, isDashed, isFaint, smooth !== undefined, band !== undefined];
  });
  return JSON.stringify([forms, rest]);
}

/** Plots lines in an element. */
export function plotLines(target: HTMLElement, plot: Plot, events: PlotEvents): Plotted {
  let current = plot;
  const { axis, ink, width, height, logX, logY, yRange, zoom } = plot;
  const { data, series, bands } = table(plot);
  const font = "12px system-ui, sans-serif";
  const axes = { stroke: ink.text, grid: { stroke: ink.grid, width: 1 }, ticks: { stroke: ink.grid, width: 1 }, font };
  const options: uPlot.Options = {
    width,
    height,
    series,
    bands,
    legend: { show: false },
    cursor: {
      // Charts of the same axis show the same place.
      sync: { key: axis, setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
    },
    scales: {
      x: {
        time: axis === "wall",
        distr: logX && axis !== "wall" ? 3 : 1,
        ...(zoom && { range: () => [...zoom] as [number, number] }),
      },
      y: {
        distr: logY ? 3 : 1,
        ...(!logY && {
          range: (_plot, low, high) => {
            if (yRange !== undefined) return padded(yRange);
            return low === high ? padded([low, high]) : uPlot.rangeNum(low, high, 0.1, true);
          },
        }),
      },
    },
    axes: [
      {
        ...axes,
        size: 28,
        label: axis === "relative" ? "time since the start" : axisTitles[axis],
        labelSize: 16,
        labelFont: font,
        labelGap: 0,
        ...(axis !== "wall" && { values: (_plot, ticks) => ticks.map((at) => xText(at, axis)) }),
        ...(axis === "relative" && !logX && { splits: hourTicks }),
      },
      { ...axes, size: 58, values: (_plot, ticks) => ticks.map(tickText) },
    ],
    hooks: {
      draw: [(self) => drawMarks(self, current)],
      setSelect: [
        (self) => {
          const { left, width: dragged } = self.select;
          if (dragged < 4) return;
          events.onZoom([self.posToVal(left, "x"), self.posToVal(left + dragged, "x")]);
        },
      ],
      setCursor: [(self) => events.onHover(hoverOf(self, current))],
    },
  };
  const made = new uPlot(options, data, target);
  // A double click is uPlot's way to show everything.
  made.over.addEventListener("dblclick", () => events.onZoom(undefined));
  made.over.addEventListener("mouseleave", () => events.onHover(undefined));
  return {
    update: (next) => {
      current = next;
      made.setData(table(next).data);
    },
    destroy: () => made.destroy(),
  };
}

function padded([low, high]: readonly [number, number]): [number, number] {
  const space = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - space, high + space];
}

/** A position on the x axis in words; not of the time of day. */
export function xText(value: number | null, axis: XAxis): string {
  return value !== null && axis === "relative" ? duration(value * 3600) : tickText(value);
}

/** Hours between ticks that are round seconds, minutes, hours or days. */
const roundHours = [
  ...[1, 2, 5, 10, 15, 30].flatMap((n) => [n / 3600, n / 60]),
  ...[1, 2, 3, 6, 12, 24, 48, 120, 240],
].sort((a, b) => a - b);

/** Pixels between two of them, at least. */
const tickSpace = 75;

/** Ticks of an axis in hours; uPlot's own are round in decimal places. */
function hourTicks(plot: uPlot, _axis: number, low: number, high: number): number[] {
  const most = Math.max(1, Math.floor(plot.width / tickSpace) - 1);
  const distance = roundHours.find((hours) => (high - low) / hours <= most) ?? (high - low) / most;
  const first = Math.ceil(low / distance - 1e-6);
  const count = Math.floor(high / distance + 1e-6) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * distance);
}

function tickText(value: number | null): string {
  return value === null ? "" : shortNumber(value);
}

/** What the lines are at the pointer: their points nearest to it. */
function hoverOf(self: uPlot, { lines }: Plot): Hover | undefined {
  const { left = -1 } = self.cursor;
  if (left < 0) return undefined;
  const x = self.posToVal(left, "x");
  const values = lines.flatMap(({ label, color, mark = "none", points, smooth }) => {
    const at = nearest(points.x, x);
    const value = at === undefined ? undefined : (smooth ?? points.y)[at];
    return value === undefined ? [] : [{ label, color, mark, value }];
  });
  return { x, left, values };
}

function nearest(xs: readonly number[], x: number): number | undefined {
  if (xs.length === 0 || x < (xs[0] as number)) return undefined;
  let low = 0;
  let high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((xs[middle] as number) <= x) low = middle;
    else high = middle;
  }
  return x - (xs[low] as number) <= (xs[high] as number) - x ? low : high;
}

/** Between two marks of a line, in pixels. */
const markSpace = 70;

/** Marks on their lines, best values as rings, resumptions as dotted verticals, values that are not finite as crosses at the lower edge. */
function drawMarks(self: uPlot, { lines, logX }: Plot): void {
  const { ctx, bbox } = self;
  const ratio = devicePixelRatio;
  const place = (x: number) => self.valToPos(x, "x", true);
  const isInside = (px: number) => px >= bbox.left && px <= bbox.left + bbox.width;
  ctx.save();
  for (const { color, best, mark = "none", isFaint, smooth, resumed, points } of lines) {
    ctx.strokeStyle = color;
    ctx.fillStyle = color;
    let last = Number.NEGATIVE_INFINITY;
    for (const [i, y] of mark === "none" || isFaint ? [] : (smooth ?? points.y).entries()) {
      const [px, py] = [place(points.x[i] as number), self.valToPos(y, "y", true)];
      if (!isInside(px) || !(py >= bbox.top && py <= bbox.top + bbox.height) || px - last < markSpace * ratio) continue;
      last = px;
      fillMark(ctx, mark, px, py, 4.5 * ratio);
    }
    ctx.lineWidth = ratio;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    for (const at of resumed) {
      const px = place(at);
      if (!isInside(px) || (logX && at <= 0)) continue;
      ctx.beginPath();
      ctx.moveTo(px, bbox.top);
      ctx.lineTo(px, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    ctx.lineWidth = 2 * ratio;
    for (const [i, y] of points.y.entries()) {
      const px = Number.isFinite(y) ? Number.NaN : place(points.x[i] as number);
      if (!isInside(px)) continue;
      const [bottom, size] = [bbox.top + bbox.height - 6 * ratio, 4 * ratio];
      ctx.beginPath();
      ctx.moveTo(px - size, bottom - size);
      ctx.lineTo(px + size, bottom + size);
      ctx.moveTo(px - size, bottom + size);
      ctx.lineTo(px + size, bottom - size);
      ctx.stroke();
    }
    if (best === undefined) continue;
    const [px, py] = [place(best.x), self.valToPos(best.y, "y", true)];
    if (!isInside(px) || py < bbox.top || py > bbox.top + bbox.height) continue;
    ctx.beginPath();
    ctx.arc(px, py, 5 * ratio, 0, 2 * Math.PI);
    ctx.stroke();
  }
  ctx.restore();
}
