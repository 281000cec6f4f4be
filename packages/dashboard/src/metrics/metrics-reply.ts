import type { Run } from "@classifier-training/runs";
import { classMetric, type RunMetrics, type Series } from "../api-types.ts";
import type { RunCurves } from "./run-curves.ts";
import { between, type Curve, downsampled } from "./series.ts";

export interface MetricsQuery {
  /** The metric of single classes whose curves are wanted, e.g. `val/acc_class_`; all others when missing. */
  readonly prefix?: string;
  /** Of the answer that `from` continues. */
  readonly generation?: string;
  readonly from?: number;
  /** Steps. */
  readonly begin?: number;
  readonly end?: number;
  readonly points: number;
}

/** Tells the files of an earlier server, whose rows may have been replaced meanwhile. */
const started = Date.now().toString(36);

/** The curves that were asked for. */
export function metricsReply(run: Run, curves: RunCurves, query: MetricsQuery): RunMetrics {
  const generation = `${started}-${curves.resets}`;
  const isAddition = query.generation === generation && query.from !== undefined && query.from <= curves.rows;
  const names = curves.names;
  const isWanted = (name: string) => {
    const prefix = classMetric.exec(name)?.[1];
    return query.prefix === undefined ? prefix === undefined : prefix === query.prefix;
  };
  let isDownsampled = false;
  const series: Record<string, Series> = Object.create(null);
  for (const name of names.filter(isWanted)) {
    const whole = curves.curve(name, isAddition ? query.from : 0);
    if (isAddition && whole.steps.length === 0) continue;
    const part = query.begin === undefined ? whole : between(whole, query.begin, query.end ?? Number.POSITIVE_INFINITY);
    const sent = downsampled(part, query.points);
    isDownsampled ||= sent.steps.length < part.steps.length;
    series[name] = asJson(sent);
  }
  const { steps, times, resumed } = curves.timeline;
  const timeline = downsampled({ steps: [...steps], values: [...times] }, 1000);
  return {
    generation,
    rows: curves.rows,
    isAddition,
    series,
    downsampled: isDownsampled,
    names,
    epochs: curves.epochs,
    timeline: { steps: timeline.steps, times: timeline.values },
    resumed: [
      ...new Set([...resumed, ...(curves.axis === "step" && run.record.continues ? [run.record.continues.step] : [])]),
    ],
  };
}

/** JSON has no numbers that are not finite. */
function asJson({ steps, values }: Curve): Series {
  return { steps, values: values.map((value) => (Number.isFinite(value) ? value : null)) };
}
