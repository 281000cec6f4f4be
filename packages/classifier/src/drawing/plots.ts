import { type ConfusionPlot, drawConfusionMatrix } from "./confusion-matrix.ts";
import { drawLabelConfusions, type LabelConfusionPlot } from "./label-confusion.ts";
import { drawLineChart, type LineChart } from "./line-chart.ts";
import { drawSampleGrid, type SampleGrid } from "./sample-grid.ts";

const drawers = {
  confusionMatrix: drawConfusionMatrix,
  labelConfusions: drawLabelConfusions,
  lineChart: drawLineChart,
  sampleGrid: drawSampleGrid,
};

interface Plots {
  readonly confusionMatrix: ConfusionPlot;
  readonly labelConfusions: LabelConfusionPlot;
  readonly lineChart: LineChart;
  readonly sampleGrid: SampleGrid;
}

/** A plot as plain data, which another thread receives. */
export type Plot = { readonly [K in keyof Plots]: { readonly kind: K; readonly data: Plots[K] } }[keyof Plots];

/** @returns a PNG file */
export function drawPlot({ kind, data }: Plot): Buffer {
  return (drawers[kind] as (data: unknown) => Buffer)(data);
}
