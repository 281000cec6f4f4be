import { createCanvas } from "@napi-rs/canvas";
import { Chart, type ChartItem, registerables } from "chart.js";
import { faint, ink, series as palette, quiet } from "./colors.ts";
import { fontFamilies } from "./fonts.ts";

export interface Line {
  /** Empty where the legend does not name it. */
  readonly label: string;
  /** One value per x; null where there is none, NaN or infinity where it is not finite. */
  readonly values: readonly (number | null)[];
  /** Its color, of the palette: a metric has the same one in training and validation. */
  readonly color: number;
  /** Training is dashed, validation solid. */
  readonly split: "train" | "val";
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  /** Values are fractions, and written as percentages. */
  readonly isPercent?: boolean;
  /** Likewise of x, which then goes from 0 to 100%. */
  readonly isXPercent?: boolean;
  /** The y axis ends where the values do, and not at 100%. */
  readonly isYFitted?: boolean;
  /** By default up to 40 points are marked. */
  readonly hasPoints?: boolean;
  /** Below the title. */
  readonly about?: string;
  /** The epoch to mark, and what is said of it. */
  readonly best?: { readonly x: number; readonly text: string } | undefined;
}

const dashes = { train: [10, 7], val: [] };

/** Plots lines over a common x axis, 1500 x 900 pixels. @returns a PNG file */
export function drawLineChart(plot: LineChart): Buffer {
  const {
    title,
    about,
    xLabel,
    yLabel,
    x,
    lines,
    isPercent = false,
    isXPercent = false,
    isYFitted = !isPercent,
    best,
  } = plot;
  const { hasPoints = x.length <= 40 } = plot;
  Chart.register(...registerables);
  const canvas = createCanvas(1500, 900);
  const text = (size: number) => ({ family: fontFamilies(), size });
  const axis = (label: string) => ({
    title: { display: true, text: label, color: quiet, font: text(22) },
    grid: { color: faint },
  });
  const failed = x.filter((_, i) => lines.some(({ values }) => values[i] !== null && !Number.isFinite(values[i])));
  const [first = 0, last = 0] = isXPercent ? [0, 1] : [x[0], x.at(-1)];
  const asPercent = (value: string | number) => `${Number((100 * Number(value)).toFixed(4))}%`;
  const subtitle = [about ?? [], best?.text ?? [], failed.length === 0 ? [] : notFinite(failed)].flat().join("; ");
  const chart = new Chart(canvas as unknown as ChartItem, {
    type: "line",
    data: {
      datasets: lines.map(({ label, values, color, split }) => ({
        label,
        // Without what is not finite, so that a line is not cut where nothing was measured.
        data: values.flatMap((value, i) => {
          if (value === null) return [];
          return [{ x: x[i] as number, y: Number.isFinite(value) ? value : Number.NaN }];
        }),
        borderColor: palette[color % palette.length] as string,
        backgroundColor: palette[color % palette.length] as string,
        borderWidth: 3,
        borderDash: dashes[split],
        pointRadius: hasPoints ? 4 : 0,
        // The first and the last point, and what is at 100%, are seen.
        clip: 12,
        pointStyle: split === "train" ? ("rectRot" as const) : ("circle" as const),
      })),
    },
    options: {
      animation: false,
      responsive: false,
      devicePixelRatio: 1,
      layout: { padding: 30 },
      parsing: false,
      plugins: {
        title: {
          display: true,
          text: title,
          color: ink,
          font: text(30),
          padding: { bottom: subtitle === "" ? 14 : 6 },
        },
        subtitle: {
          display: subtitle !== "",
          text: subtitle,
          color: quiet,
          font: text(20),
          padding: { bottom: 10 },
        },
        legend: {
          labels: {
            color: ink,
            font: text(22),
            usePointStyle: true,
            pointStyleWidth: 60,
            padding: 24,
            // A piece of the line itself: dashes are seen.
            generateLabels: ({ data }) =>
              data.datasets
                .map(({ label = "", borderColor }, i) => ({
                  text: label,
                  strokeStyle: borderColor as string,
                  fontColor: ink,
                  lineWidth: 3,
                  lineDash: dashes[lines[i]?.split ?? "val"],
                  pointStyle: "line" as const,
                  datasetIndex: i,
                }))
                .filter(({ text }) => text !== ""),
          },
        },
      },
      scales: {
        x: {
          ...axis(xLabel),
          type: "linear",
          // A single point would lie on the axis.
          min: first === last ? first - 1 : first,
          max: first === last ? last + 1 : last,
          ticks: {
            color: ink,
            font: text(18),
            ...(!isXPercent && { precision: 0 }),
            callback: (value) => {
              if (isXPercent) return asPercent(value);
              return first === last && value !== first ? "" : String(value);
            },
          },
        },
        y: {
          ...axis(yLabel),
          ...(isPercent && !isYFitted && { suggestedMax: 1, max: 1 }),
          ...(isXPercent && { min: 0 }),
          grace: isYFitted ? "5%" : 0,
          ticks: {
            color: ink,
            font: text(18),
            ...(isPercent && { callback: asPercent }),
          },
        },
      },
    },
    plugins: [paper, marks(best?.x, failed)],
  });
  const png = canvas.toBuffer("image/png");
  chart.destroy();
  return png;
}

function notFinite(epochs: readonly number[]): string {
  const shown = epochs.slice(0, 5).join(", ");
  return `not finite (×): ${epochs.length === 1 ? "epoch" : "epochs"} ${shown}${epochs.length > 5 ? ", ..." : ""}`;
}

const paper = {
  id: "paper",
  beforeDraw: ({ ctx, width, height }: Chart) => {
    ctx.save();
    ctx.fillStyle = "white";
    ctx.fillRect(0, 0, width, height);
    ctx.restore();
  },
};

/** A vertical line at the best epoch, and crosses at the bottom where a value was not finite. */
function marks(best: number | undefined, failed: readonly number[]) {
  return {
    id: "marks",
    beforeDatasetsDraw: ({ ctx, chartArea: { top, bottom }, scales }: Chart) => {
      const at = (value: number) => scales["x"]?.getPixelForValue(value) ?? 0;
      ctx.save();
      ctx.strokeStyle = quiet;
      ctx.lineWidth = 2;
      ctx.setLineDash([3, 5]);
      ctx.beginPath();
      if (best !== undefined) {
        ctx.moveTo(at(best), top);
        ctx.lineTo(at(best), bottom);
      }
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.strokeStyle = ink;
      ctx.lineWidth = 3;
      for (const x of failed.map(at)) {
        ctx.beginPath();
        ctx.moveTo(x - 8, bottom - 20);
        ctx.lineTo(x + 8, bottom - 4);
        ctx.moveTo(x + 8, bottom - 20);
        ctx.lineTo(x - 8, bottom - 4);
        ctx.stroke();
      }
      ctx.restore();
    },
  };
}
