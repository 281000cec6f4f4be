import { plotBackgrounds } from "@classifier-training/base";
import { useEffect, useRef } from "preact/hooks";
import { axesCsv, svgPng } from "../../charts/export.ts";
import { importances, type Trial } from "../../charts/importance.ts";
import { type Axis, ParallelCoordinates } from "../../charts/parallel-coordinates.tsx";
import { Combobox } from "../../components/combobox.tsx";
import { SaveButtons } from "../../components/save-buttons.tsx";
import { columnOf, configNames, loadConfigNames, metricNames } from "../../state/columns.ts";
import { param } from "../../state/params.ts";
import { listedRuns, nameOf } from "../../state/runs.ts";
import { theme } from "../../state/theme.ts";

const sweepParam = param("sweep");
const metricParam = param("metric");

/** Folders that are different in every run say nothing. */
const ignored = /(^|[._])(dir|dirpath)$/;
/** Axes beyond these cannot be read. */
const maxAxes = 8;

/** The runs of a sweep: how their parameters relate to a metric. */
export function SweepView() {
  const plot = useRef<HTMLElement>(null);
  const runCount = listedRuns.value.length;
  // New runs may have new values.
  useEffect(() => {
    loadConfigNames().catch(() => {});
  }, [runCount]);
  const sweeps = [...new Set(listedRuns.value.flatMap(({ sweep }) => sweep ?? []))];
  const chosen = sweepParam.value || (sweeps[0] ?? "all");
  const runs = listedRuns.value.filter(({ sweep, kind }) => (chosen === "all" ? kind === "train" : sweep === chosen));
  const monitor = runs.find((run) => run.monitor !== undefined)?.monitor?.name;
  const metric = metricParam.value || "best";
  const metricColumn = columnOf(metric);
  const names = configNames.value
    .filter(({ name, distinct }) => distinct > 1 && !ignored.test(name))
    .map(({ name }) => name);
  const columns = names.flatMap((name) => columnOf(`config:${name}`) ?? []);
  const trials = runs.map((run): Trial & { readonly id: string; readonly title: string } => {
    const value = metricColumn?.value(run);
    return {
      id: run.key,
      title: nameOf(run),
      values: Object.fromEntries(columns.map((column) => [column.title, column.value(run)])),
      metric: typeof value === "number" ? value : undefined,
    };
  });
  const ranked = importances(names, trials);
  const axes: Axis[] = [
    ...ranked.slice(0, maxAxes).map(({ name }) => ({ title: name, values: trials.map(({ values }) => values[name]) })),
    {
      title: metric === "best" ? `best ${monitor ?? "value"}` : (metricColumn?.title ?? metric),
      values: trials.map((trial) => trial.metric),
    },
  ];
  const metricOptions = [
    { id: "best", title: `best ${monitor ?? "value"}` },
    ...metricNames.value.map((name) => ({ id: `latest:${name}`, title: name, about: "newest value" })),
  ];
  const png = () => {
    const svg = plot.current?.querySelector("svg");
    return svg && svgPng(svg, plotBackgrounds[theme.value]);
  };
  return (
    <div class="sweep-view">
      <div class="toolbar">
        <Combobox
          label="Sweep"
          options={[...sweeps.map((sweep) => ({ id: sweep, title: sweep })), { id: "all", title: "all trainings" }]}
          value={chosen}
          onChoose={(id) => sweepParam.set(id)}
        />
        <Combobox
          label="Metric"
          options={metricOptions}
          value={metric}
          onChoose={(id) => metricParam.set(id === "best" ? "" : id)}
        />
        <span class="count">{`${trials.filter(({ metric }) => metric !== undefined).length} of ${runs.length} runs have it`}</span>
      </div>
      {ranked.length === 0 ? (
        <p class="note">At least three runs with different configurations and this metric are needed.</p>
      ) : (
        <>
          <section ref={plot} aria-label="Parallel coordinates">
            <h2>Parallel coordinates</h2>
            <p class="chart-tools">
              <SaveButtons title={`parallel coordinates of ${chosen}`} csv={() => axesCsv(axes, trials)} png={png} />
            </p>
            <ParallelCoordinates axes={axes} trials={trials} />
          </section>
          <section aria-label="Importance">
            <h2>Importance</h2>
            <p class="note">
              How much of the ranking of the runs each parameter explains by itself, corrected for its number of values.
              Parameters that were changed together cannot be separated.
            </p>
            <table class="importance">
              <thead>
                <tr>
                  <th scope="col">Parameter</th>
                  <th scope="col">Explained</th>
                  <th scope="col" class="number">
                    Correlation
                  </th>
                  <th scope="col" class="number">
                    Runs
                  </th>
                </tr>
              </thead>
              <tbody>
                {ranked.slice(0, 30).map(({ name, explained, correlation, n }) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td>
                      <meter min={0} max={1} value={explained} aria-label={`explained by ${name}`} />{" "}
                      {`${Math.round(100 * explained)}%`}
                    </td>
                    <td class="number">{correlation === undefined ? "" : correlation.toFixed(2)}</td>
                    <td class="number">{n}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        </>
      )}
    </div>
  );
}
