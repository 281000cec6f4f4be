import { plotBackgrounds } from "@classifier-training/base";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ChartGroup } from "../../charts/chart-groups.ts";
import { rangeWithoutOutliers, type XAxis } from "../../charts/curves.ts";
import { chartCsv, chartPng } from "../../charts/export.ts";
import { axisTitles, formOf, type Hover, type Line, type Plotted, plotLines, xText } from "../../charts/line-plot.ts";
import { pointedRun } from "../../components/run-list.tsx";
import { SaveButtons } from "../../components/save-buttons.tsx";
import { Swatch } from "../../components/swatch.tsx";
import { columnOf } from "../../state/columns.ts";
import { shortNumber, timeText } from "../../state/format.ts";
import type { LoadedMetrics } from "../../state/metrics.ts";
import { nameOf } from "../../state/runs.ts";
import { type SelectedRun, selectedRuns } from "../../state/selection.ts";
import { theme } from "../../state/theme.ts";
import { linesOf } from "./lines.ts";
import {
  isIn,
  logXParam,
  logYParam,
  outliersParam,
  setZoom,
  smoothing,
  spreadParam,
  toggleIn,
  xAxis,
  zoom,
} from "./settings.ts";

const height = 230;
const inks = {
  light: { text: "#4a5560", grid: "#e3e7ec" },
  dark: { text: "#b4bfcb", grid: "#2c333c" },
} as const;

interface ChartProps {
  readonly group: ChartGroup;
  readonly metrics: ReadonlyMap<string, LoadedMetrics>;
  /** Where it is not the one that is chosen for all charts: that one's zoom is not for it either. */
  readonly axis?: XAxis;
  /** Those of the list of runs by default. */
  readonly runs?: readonly SelectedRun[];
}

/** One chart of the runs that are shown. */
export function Chart({ group, metrics, axis = xAxis(), runs = selectedRuns.value }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [hover, setHover] = useState<Hover | undefined>(undefined);
  const isShared = axis === xAxis();
  const range = isShared ? zoom() : undefined;
  const weight = smoothing();
  const [logX, logY] = [isShared && logXParam.value !== "", isIn(logYParam, group.title)];
  const spreadBy = spreadParam.value;
  // The list of runs changes all the time; what of it is plotted rarely does.
  const identity = JSON.stringify(
    runs.map(({ run, color, mark }) => [run.key, color, mark, nameOf(run), run.monitor, columnOf(spreadBy)?.text(run)]),
  );
  // Pointing at a run that is hidden dims nothing.
  const pointed = runs.some(({ run }) => run.key === pointedRun.value) ? pointedRun.value : undefined;
  const lines = useMemo(
    () => linesOf(group, runs, metrics, { axis, smoothing: weight, spreadBy, pointed }),
    [group, identity, metrics, axis, weight, spreadBy, pointed],
  );
  const hasOutliers = outliersParam.value !== "";
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const yRange = hasOutliers ? undefined : rangeWithoutOutliers(lines.flatMap(({ points }) => points.y));
  const plot = { lines, axis, logX, logY, yRange, zoom: range, width, height, ink: inks[theme.value] };
  const form = width === 0 || lines.length === 0 ? "" : formOf(plot);
  const plotted = useRef<{ readonly lines: readonly Line[]; readonly chart: Plotted } | undefined>(undefined);
  useEffect(() => {
    if (form === "") return undefined;
    const chart = plotLines(place.current as HTMLDivElement, plot, {
      onZoom: isShared ? setZoom : () => {},
      onHover: setHover,
    });
    plotted.current = { lines, chart };
    return () => {
      plotted.current = undefined;
      chart.destroy();
    };
  }, [form]);
  useEffect(() => {
    const { current } = plotted;
    if (current === undefined || current.lines === lines) return;
    plotted.current = { lines, chart: current.chart };
    current.chart.update(plot);
  }, [lines]);

  const png = () => {
    const canvas = place.current?.querySelector("canvas");
    const colors = { background: plotBackgrounds[theme.value], text: inks[theme.value].text };
    return canvas && chartPng(canvas, { title: group.title, lines, ...colors });
  };
  return (
    <figure class="chart" data-chart={group.title} data-lines={lines.length}>
      <figcaption>
        <h3>{group.title}</h3>
        <span class="chart-tools">
          <label class="check">
            <input
              type="checkbox"
              checked={logY}
              onChange={(event) => toggleIn(logYParam, group.title, event.currentTarget.checked)}
            />
            log
            <span class="hidden-label">{` y axis of ${group.title}`}</span>
          </label>
          {lines.length > 0 && <SaveButtons title={group.title} csv={() => chartCsv(lines, axis, range)} png={png} />}
        </span>
      </figcaption>
      <div
        ref={place}
        class="plot"
        role="img"
        aria-label={summary(group.title, axis, lines)}
        style={{ minHeight: `${height}px` }}
      />
      {lines.length === 0 && (
        <p class="note">
          {axis === "step" ? "No values yet." : `These runs did not note ${axis === "epoch" ? "epochs" : "times"}.`}
        </p>
      )}
      {hover !== undefined && hover.values.length > 0 && <Tooltip hover={hover} axis={axis} width={width} />}
    </figure>
  );
}

/** What the chart shows, in words: the last values. */
function summary(title: string, axis: XAxis, lines: readonly Line[]): string {
  const values = lines
    .slice(0, 10)
    .map(({ label, points }) => `${label}: ${shortNumber(points.y.at(-1) ?? Number.NaN)} at the end`);
  return `${title} by ${axisTitles[axis]}. ${values.join("; ")}${lines.length > 10 ? `; and ${lines.length - 10} more` : ""}`;
}

/** Rows of the tooltip: more do not fit. */
const maxRows = 12;

interface TooltipProps {
  readonly hover: Hover;
  readonly axis: XAxis;
  readonly width: number;
}

function Tooltip({ hover, axis, width }: TooltipProps) {
  const { x, left, values } = hover;
  const sorted = [...values].sort((a, b) => b.value - a.value);
  const isLeft = left + 60 > width / 2;
  return (
    <div class="tooltip" style={isLeft ? { right: `${width - left - 40}px` } : { left: `${left + 80}px` }}>
      <strong>
        {axis === "wall" ? timeText(x * 1000) : axis === "relative" ? xText(x, axis) : `${axis} ${xText(x, axis)}`}
      </strong>
      {sorted.slice(0, maxRows).map(({ label, color, mark, value }) => (
        <div key={label}>
          <Swatch color={color} mark={mark} />
          <span class="run-name">{label}</span>
          <span class="number">{shortNumber(value)}</span>
        </div>
      ))}
      {sorted.length > maxRows && <small>{`${sorted.length - maxRows} more`}</small>}
    </div>
  );
}
