import type { axisTitles } from "../../charts/line-plot.ts";
import { choosable } from "../../state/columns.ts";
import {
  logXParam,
  outliersParam,
  setZoom,
  smoothingParam,
  spreadParam,
  xAxisParam,
  zoom,
  zoomParam,
} from "./settings.ts";

const axisNames = [
  ["step", "Step"],
  ["epoch", "Epoch"],
  ["relative", "Hours since the start"],
  ["wall", "Time of day"],
] as const satisfies readonly (readonly [keyof typeof axisTitles, string])[];

/** How all charts are plotted. */
export function ChartControls() {
  const range = zoom();
  const bound = (at: 0 | 1) => (event: { readonly currentTarget: HTMLInputElement }) => {
    const value = event.currentTarget.valueAsNumber;
    const [low, high] = range ?? [0, Number.MAX_SAFE_INTEGER];
    if (Number.isFinite(value)) setZoom(at === 0 ? [value, high] : [low, value]);
  };
  const spreads = choosable.value.filter(({ id }) => id === "sweep" || id.startsWith("config:"));
  return (
    <div class="toolbar chart-controls">
      <label>
        X axis{" "}
        <select
          value={xAxisParam.value}
          onChange={(event) => {
            zoomParam.set("", false);
            xAxisParam.set(event.currentTarget.value);
          }}
        >
          {axisNames.map(([id, title]) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={logXParam.value !== ""}
          onChange={(event) => logXParam.set(event.currentTarget.checked ? "1" : "")}
        />
        Log x
      </label>
      <label class="smoothing">
        Smoothing{" "}
        <input
          type="range"
          min="0"
          max="0.99"
          step="0.01"
          value={smoothingParam.value}
          onInput={(event) => smoothingParam.set(event.currentTarget.value, false)}
        />
        <output>{smoothingParam.value}</output>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={outliersParam.value !== ""}
          onChange={(event) => outliersParam.set(event.currentTarget.checked ? "1" : "")}
        />
        Outliers
      </label>
      <label>
        Mean and spread over{" "}
        <select value={spreadParam.value} onChange={(event) => spreadParam.set(event.currentTarget.value)}>
          <option value="">no group</option>
          {spreads.map(({ id, title }) => (
            <option key={id} value={id}>
              {`runs of equal ${title}`}
            </option>
          ))}
        </select>
      </label>
      <span class="zoom">
        <label>
          <span class="hidden-label">Show from</span>
          <input type="number" placeholder="from" step="any" value={range?.[0] ?? ""} onChange={bound(0)} />
        </label>
        <label>
          <span class="hidden-label">Show to</span>
          <input type="number" placeholder="to" step="any" value={range?.[1] ?? ""} onChange={bound(1)} />
        </label>
        <button type="button" disabled={range === undefined} onClick={() => setZoom(undefined)}>
          Reset zoom
        </button>
      </span>
    </div>
  );
}
