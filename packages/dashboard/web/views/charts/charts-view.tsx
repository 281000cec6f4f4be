import { useEffect, useMemo } from "preact/hooks";
import { chartSections, classPrefixes } from "../../charts/chart-groups.ts";
import { maxApart } from "../../charts/marks.ts";
import { RunList } from "../../components/run-list.tsx";
import { loadConfigNames } from "../../state/columns.ts";
import { followSystem, metrics, metricsErrors, systemMetrics } from "../../state/metrics.ts";
import { runs } from "../../state/runs.ts";
import { selectedRuns } from "../../state/selection.ts";
import { Chart } from "./chart.tsx";
import { ClassMetrics } from "./class-metrics.tsx";
import { ChartControls } from "./controls.tsx";
import { foldedParam, isIn, toggleIn } from "./settings.ts";
import { SystemMetrics } from "./system-metrics.tsx";
import { useZoomedMetrics } from "./zoomed.ts";

/** Curves of the runs that are shown. */
export function ChartsView() {
  useEffect(() => {
    loadConfigNames().catch(() => {});
    return followSystem();
  }, []);
  const shown = selectedRuns.value;
  const zoomed = useZoomedMetrics();
  const names = new Set(shown.flatMap(({ run }) => metrics.value.get(run.key)?.names ?? []));
  const monitors = shown.flatMap(({ run }) => run.monitor?.name ?? []);
  const sections = useMemo(() => chartSections(names, monitors), [[...names].join(), monitors.join()]);
  const systemNames = [...new Set(shown.flatMap(({ run }) => systemMetrics.value.get(run.key)?.names ?? []))].sort();
  const isWaiting = shown.some(({ run }) => !metrics.value.has(run.key) && !metricsErrors.value.has(run.key));
  return (
    <div class="charts-view">
      <RunList />
      <div class="charts">
        <ChartControls />
        {[...metricsErrors.value].map(([key, error]) => (
          <p key={key} class="note warning" role="alert">{`${runs.value.get(key)?.name ?? key}: ${error}`}</p>
        ))}
        {shown.length === 0 && <p class="note">No run is shown: tick some in the list.</p>}
        {isWaiting && sections.length === 0 && <p class="note">Reading curves ...</p>}
        {shown.length > 0 && !isWaiting && names.size === 0 && <p class="note">These runs have no metrics yet.</p>}
        {shown.length > 0 && (
          <>
            {shown.length > maxApart && (
              <p class="note">
                {`${shown.length} runs are too many to tell apart: colors and shapes repeat after ${maxApart}. Hide some, or take the mean over a group.`}
              </p>
            )}
            <Legend />
            {sections.map(({ title, charts }) => (
              <Section key={title} title={title} count={charts.length}>
                <div class="chart-grid">
                  {charts.map((group) => (
                    <Chart key={group.title} group={group} metrics={zoomed} />
                  ))}
                </div>
              </Section>
            ))}
            {classPrefixes(names).length > 0 && (
              <Section title="Classes" count={classPrefixes(names).length}>
                <ClassMetrics prefixes={classPrefixes(names)} />
              </Section>
            )}
            {systemNames.length > 0 && (
              <Section title="System" count={systemNames.length}>
                <SystemMetrics names={systemNames} />
              </Section>
            )}
          </>
        )}
      </div>
    </div>
  );
}

/** What the marks mean: colors are those of the list of runs. */
export function Legend() {
  return (
    <p class="note legend">
      <svg width="28" height="8" aria-hidden="true">
        <line x1="0" y1="4" x2="28" y2="4" class="ink" />
      </svg>{" "}
      val, test{" "}
      <svg width="28" height="8" aria-hidden="true">
        <line x1="0" y1="4" x2="28" y2="4" class="ink" stroke-dasharray="6 4" />
      </svg>{" "}
      train (thin: single steps) · ○ best epoch · ┊ resumed · × not finite. Drag to zoom, double-click to reset.
    </p>
  );
}

interface SectionProps {
  readonly title: string;
  readonly count: number;
  readonly children: preact.ComponentChildren;
}

function Section({ title, count, children }: SectionProps) {
  const isOpen = !isIn(foldedParam, title);
  return (
    <section class="section" aria-label={title}>
      <h2>
        <button type="button" aria-expanded={isOpen} onClick={() => toggleIn(foldedParam, title, isOpen)}>
          <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span> {title} <small>{count}</small>
        </button>
      </h2>
      {isOpen && children}
    </section>
  );
}
