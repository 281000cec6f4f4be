import { createCanvas } from "@napi-rs/canvas";
import { Chart, type ChartItem, registerables } from "chart.js";
import { faint, ink, series as palette } from "./colors.ts";
import { registerFonts, textFont } from "./fonts.ts";

export interface Line {
  readonly label: string;
  /** One value per x; null where there is none. */
  readonly values: readonly (number | null)[];
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly x: readonly number[];
  readonly lines: readonly Line[];
}

/** Plots lines over a common x axis, 1500 x 900 pixels. @returns a PNG file */
export function drawLineChart({ title, xLabel, yLabel, x, lines }: LineChart): Buffer {
  registerFonts();
  Chart.register(...registerables);
  const canvas = createCanvas(1500, 900);
  const text = (size: number) => ({ family: textFont, size });
  const chart = new Chart(canvas as unknown as ChartItem, {
    type: "line",
    data: {
      labels: x.map(String),
      datasets: lines.map((line, i) => ({
        label: line.label,
        data: [...line.values],
        borderColor: palette[i % palette.length] as string,
        backgroundColor: palette[i % palette.length] as string,
        borderWidth: 3,
        pointRadius: x.length > 60 ? 0 : 5,
        spanGaps: true,
      })),
    },
    options: {
      animation: false,
      responsive: false,
      devicePixelRatio: 1,
      layout: { padding: 30 },
      plugins: {
        title: { display: true, text: title, color: ink, font: text(30) },
        legend: {
          labels: { color: ink, font: text(22), usePointStyle: true, boxWidth: 12, boxHeight: 12, padding: 24 },
        },
      },
      scales: {
        x: {
          // A single point would lie on the axis.
          offset: x.length === 1,
          title: { display: true, text: xLabel, color: ink, font: text(22) },
          ticks: { color: ink, font: text(18) },
          grid: { color: faint },
        },
        y: {
          title: { display: true, text: yLabel, color: ink, font: text(22) },
          ticks: { color: ink, font: text(18) },
          grid: { color: faint },
        },
      },
    },
    plugins: [
      {
        id: "paper",
        beforeDraw: ({ ctx, width, height }) => {
          ctx.save();
          ctx.fillStyle = "white";
          ctx.fillRect(0, 0, width, height);
          ctx.restore();
        },
      },
    ],
  });
  const png = canvas.toBuffer("image/png");
  chart.destroy();
  return png;
}
