import { useEffect, useState } from "preact/hooks";
import { classMetric, type RunDetail, type RunMetrics } from "../../../src/api-types.ts";
import { HeatMap } from "../../charts/heat-map.tsx";
import { ScrollBox } from "../../components/scroll-box.tsx";
import { ShowMore } from "../../components/show-more.tsx";
import { api, runPath } from "../../state/api.ts";
import { shortNumber } from "../../state/format.ts";
import { param } from "../../state/params.ts";
import { nameOf } from "../../state/runs.ts";
import { selectedRuns } from "../../state/selection.ts";

const runParam = param("classrun");
const prefixParam = param("classmetric");
const formParam = param("classes", "table");
const sortParam = param("classsort", "last");

interface ClassRow {
  readonly index: number;
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly last: number | undefined;
  readonly best: number | undefined;
  readonly change: number | undefined;
}

/** Rows that are there at once: more are asked for. */
const rowsAtOnce = 100;

/** Values of single classes of one run: as a table, worst first, or as a heat map over time. */
export function ClassMetrics({ prefixes }: { readonly prefixes: readonly string[] }) {
  const shown = selectedRuns.value;
  const run = (shown.find(({ run }) => run.key === runParam.value) ?? shown[0])?.run;
  const prefix = prefixes.includes(prefixParam.value) ? prefixParam.value : (prefixes[0] as string);
  const [data, setData] = useState<
    { readonly steps: readonly number[]; readonly rows: readonly ClassRow[] } | undefined
  >();
  const [count, setCount] = useState(rowsAtOnce);
  useEffect(() => {
    if (run === undefined) return undefined;
    let isCurrent = true;
    const path = runPath(run.key);
    Promise.all([
      api<RunMetrics>(`${path}/metrics?prefix=${encodeURIComponent(prefix)}&points=300`),
      api<RunDetail>(path),
    ]).then(
      ([metrics, detail]) => {
        if (isCurrent) setData(tableOf(metrics, detail.labels ?? []));
      },
      () => {
        if (isCurrent) setData({ steps: [], rows: [] });
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [run?.key, run?.metricsVersion, prefix]);
  if (run === undefined) return null;
  const rows = sorted(data?.rows ?? [], sortParam.value);
  return (
    <div class="class-metrics">
      <div class="toolbar">
        <label>
          Run{" "}
          <select value={run.key} onChange={(event) => runParam.set(event.currentTarget.value)}>
            {shown.map(({ run }) => (
              <option key={run.key} value={run.key}>
                {nameOf(run)}
              </option>
            ))}
          </select>
        </label>
        <label>
          Metric{" "}
          <select value={prefix} onChange={(event) => prefixParam.set(event.currentTarget.value)}>
            {prefixes.map((one) => (
              <option key={one} value={one}>
                {one.replace(/_class_$/, "")}
              </option>
            ))}
          </select>
        </label>
        <label>
          As{" "}
          <select value={formParam.value} onChange={(event) => formParam.set(event.currentTarget.value)}>
            <option value="table">table</option>
            <option value="heatmap">heat map</option>
          </select>
        </label>
        <label>
          Order{" "}
          <select value={sortParam.value} onChange={(event) => sortParam.set(event.currentTarget.value)}>
            <option value="last">lowest now first</option>
            <option value="change">largest drop first</option>
            <option value="name">name</option>
            <option value="index">index</option>
          </select>
        </label>
        <span class="count">{data === undefined ? "reading ..." : `${rows.length} classes`}</span>
      </div>
      {data !== undefined && rows.length === 0 && <p class="note">This run has no values of single classes.</p>}
      {data !== undefined && rows.length > 0 && formParam.value === "heatmap" && (
        <HeatMap columns={data.steps} rows={rows} label={`${prefix} of ${nameOf(run)}`} />
      )}
      {rows.length > 0 && formParam.value !== "heatmap" && (
        <ScrollBox label="Values of classes">
          <table>
            <thead>
              <tr>
                <th scope="col">Class</th>
                <th scope="col" class="number">
                  Now
                </th>
                <th scope="col" class="number">
                  Best
                </th>
                <th scope="col" class="number">
                  Last change
                </th>
                <th scope="col">Over time</th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, count).map((row) => (
                <tr key={row.index}>
                  <th scope="row">
                    <span class="class-name">{row.name}</span>
                  </th>
                  <td class="number">{numberText(row.last)}</td>
                  <td class="number">{numberText(row.best)}</td>
                  <td class={`number ${(row.change ?? 0) < 0 ? "worse" : ""}`}>
                    {row.change === undefined ? "" : `${row.change > 0 ? "+" : ""}${shortNumber(row.change)}`}
                  </td>
                  <td>
                    <Sparkline values={row.values} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <ShowMore shown={count} total={rows.length} step={rowsAtOnce} onMore={() => setCount(count + rowsAtOnce)} />
        </ScrollBox>
      )}
    </div>
  );
}

const numberText = (value: number | undefined) => (value === undefined ? "" : shortNumber(value));

function tableOf({ series }: RunMetrics, labels: readonly string[]) {
  const names = Object.keys(series).map((name) => ({ name, index: Number(classMetric.exec(name)?.[2]) }));
  const steps = [...new Set(names.flatMap(({ name }) => series[name]?.steps ?? []))].sort((a, b) => a - b);
  const rows = names.map(({ name, index }): ClassRow => {
    const { steps: own = [], values = [] } = series[name] ?? {};
    const at = new Map(own.map((step, i) => [step, values[i] ?? null]));
    const finite = values.filter((value) => value !== null);
    const [before, last] = [finite.at(-2), finite.at(-1)];
    return {
      index,
      name: labels[index] ?? `class ${index}`,
      values: steps.map((step) => at.get(step) ?? null),
      last,
      best: finite.length === 0 ? undefined : Math.max(...finite),
      change: before === undefined || last === undefined ? undefined : last - before,
    };
  });
  return { steps, rows };
}

function sorted(rows: readonly ClassRow[], order: string): readonly ClassRow[] {
  const collator = new Intl.Collator("en", { numeric: true });
  const number = (value: number | undefined) => value ?? Number.POSITIVE_INFINITY;
  return [...rows].sort((a, b) => {
    if (order === "name") return collator.compare(a.name, b.name);
    if (order === "index") return a.index - b.index;
    return order === "change" ? number(a.change) - number(b.change) : number(a.last) - number(b.last);
  });
}

function Sparkline({ values }: { readonly values: readonly (number | null)[] }) {
  const known = values.flatMap((value, i) => (value === null ? [] : [[i, value] as const]));
  const low = Math.min(0, ...known.map(([, value]) => value));
  const high = Math.max(1, ...known.map(([, value]) => value));
  const points = known.map(([i, value]) => {
    const x = values.length < 2 ? 50 : (100 * i) / (values.length - 1);
    return `${x.toFixed(1)},${(22 - (20 * (value - low)) / (high - low)).toFixed(1)}`;
  });
  return (
    <svg class="sparkline" viewBox="0 0 100 24" width="100" height="24" aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}
