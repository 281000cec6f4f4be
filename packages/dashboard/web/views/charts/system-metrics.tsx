import { useMemo } from "preact/hooks";
import { systemMetrics } from "../../state/metrics.ts";
import { Chart } from "./chart.tsx";
import { xAxis } from "./settings.ts";

const titles: Readonly<Record<string, string>> = {
  cpu_percent: "CPU, % of all cores",
  memory_percent: "Memory of the machine, %",
  process_memory_mb: "Memory of the process, MB",
  images_per_second: "Training images per second",
  data_wait_percent: "Waiting for data, %",
};

/** `gpu_0_memory_mb`: `GPU 0 memory, MB`. */
function titleOf(name: string): string {
  const [, index, figure] = /^gpu_(\d+)_(percent|memory_mb)$/.exec(name) ?? [];
  if (figure !== undefined) return figure === "percent" ? `GPU ${index} use, %` : `GPU ${index} memory, MB`;
  return titles[name] ?? name;
}

/** Figures of the machine, by the clock: hours since the start, unless the time of day is asked for. */
export function SystemMetrics({ names }: { readonly names: readonly string[] }) {
  const groups = useMemo(
    () => names.map((name) => ({ title: titleOf(name), metrics: [{ name, split: "other" as const, isStep: false }] })),
    [names.join()],
  );
  return (
    <div class="chart-grid">
      {groups.map((group) => (
        <Chart
          key={group.title}
          group={group}
          metrics={systemMetrics.value}
          axis={xAxis() === "wall" ? "wall" : "relative"}
        />
      ))}
    </div>
  );
}
