import type { ChartGroup, ChartMetric } from "../../charts/chart-groups.ts";
import { bestPoint, type Points, positions, smoothed, spread, type XAxis } from "../../charts/curves.ts";
import type { Line } from "../../charts/line-plot.ts";
import { columnOf } from "../../state/columns.ts";
import type { LoadedMetrics } from "../../state/metrics.ts";
import { nameOf } from "../../state/runs.ts";
import type { SelectedRun } from "../../state/selection.ts";

interface Options {
  readonly axis: XAxis;
  /** Weight of what was before. */
  readonly smoothing: number;
  /** The column whose equal values make one curve with its spread; empty for a curve of each run. */
  readonly spreadBy: string;
  /** The key of the run that stands out. */
  readonly pointed: string | undefined;
}

/** The lines of a chart: for each run, or each group of runs, one of each split. */
export function linesOf(
  group: ChartGroup,
  runs: readonly SelectedRun[],
  loaded: ReadonlyMap<string, LoadedMetrics>,
  options: Options,
): readonly Line[] {
  const { spreadBy } = options;
  const lines = group.metrics.flatMap((metric) =>
    spreadBy === ""
      ? runs.flatMap((selected) => lineOf(metric, selected, loaded.get(selected.run.key), options) ?? [])
      : spreadLines(metric, runs, loaded, options),
  );
  // What is pointed at lies above the others.
  return options.pointed === undefined ? lines : lines.sort((a, b) => Number(a.isFaint) - Number(b.isFaint)).reverse();
}

function pointsOf(name: string, data: LoadedMetrics | undefined, axis: XAxis): Points | undefined {
  const series = data?.series[name];
  if (data === undefined || series === undefined) return undefined;
  const x = positions(series.steps, axis, data);
  return x && { x, y: series.values.map((value) => value ?? Number.NaN) };
}

function lineOf(
  metric: ChartMetric,
  { run, color, mark }: SelectedRun,
  data: LoadedMetrics | undefined,
  options: Options,
): Line | undefined {
  const { axis, smoothing, pointed } = options;
  const points = pointsOf(metric.name, data, axis);
  if (points === undefined) return undefined;
  const isMonitored = run.monitor?.name === metric.name;
  return {
    label: `${nameOf(run)} · ${metric.name}`,
    color: pointed === undefined || pointed === run.key ? color : `${color}38`,
    mark,
    points,
    ...(smoothing > 0 && points.y.length > 2 && { smooth: smoothed(points.y, smoothing) }),
    isDashed: metric.split === "train",
    isFaint: metric.isStep,
    best: isMonitored ? bestPoint(points, run.monitor?.mode ?? "max") : undefined,
    resumed: metric.isStep || data === undefined ? [] : (positions(data.resumed, axis, data) ?? []),
  };
}

function spreadLines(
  metric: ChartMetric,
  runs: readonly SelectedRun[],
  loaded: ReadonlyMap<string, LoadedMetrics>,
  { axis, smoothing, spreadBy }: Options,
): readonly Line[] {
  const column = columnOf(spreadBy);
  const groups = new Map<string, SelectedRun[]>();
  for (const selected of runs) {
    const value = column?.text(selected.run) ?? "";
    groups.set(value, [...(groups.get(value) ?? []), selected]);
  }
  return [...groups].flatMap(([value, members]) => {
    const curves = members.flatMap(({ run }) => {
      const points = pointsOf(metric.name, loaded.get(run.key), axis);
      return points === undefined ? [] : [{ x: points.x, y: smoothed(points.y, smoothing) }];
    });
    if (curves.length === 0) return [];
    const { low, high, ...points } = spread(curves);
    return [
      {
        label: `${column?.title ?? ""} ${value || "none"} (mean of ${curves.length}) · ${metric.name}`,
        color: (members[0] as SelectedRun).color,
        mark: (members[0] as SelectedRun).mark,
        points,
        isDashed: metric.split === "train",
        isFaint: metric.isStep,
        ...(curves.length > 1 && !metric.isStep && { band: { low, high } }),
        resumed: [],
      },
    ];
  });
}
