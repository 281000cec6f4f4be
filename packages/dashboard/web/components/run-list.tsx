import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { shortNumber } from "../state/format.ts";
import { setParams } from "../state/params.ts";
import { listedRuns, nameOf } from "../state/runs.ts";
import { selectedKeys, selectOnly, styles, toggle } from "../state/selection.ts";
import { Status } from "./status.tsx";
import { Swatch } from "./swatch.tsx";

/** The run whose curves stand out, because someone points at it. */
export const pointedRun = signal<string | undefined>(undefined);

/** Longer lists are found by the filter, or in the table. */
const maxListed = 200;

/** The legend of all charts: every run with its color, to be shown or hidden. Those that are shown stand first. */
export function RunList() {
  const [filter, setFilter] = useState("");
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = listedRuns.value.filter((run) =>
    words.every((word) => `${nameOf(run)} ${run.key} ${run.annotations.tags.join(" ")}`.toLowerCase().includes(word)),
  );
  const isShown = new Set(selectedKeys.value);
  const order = [...fitting.filter(({ key }) => isShown.has(key)), ...fitting.filter(({ key }) => !isShown.has(key))];
  return (
    <aside class="run-list" aria-label="Runs in the charts">
      <div class="run-list-head">
        <input
          type="search"
          aria-label="Filter the runs"
          placeholder="Filter runs"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <button type="button" onClick={() => selectOnly([])} disabled={isShown.size === 0}>
          Hide all
        </button>
      </div>
      <ul>
        {order.slice(0, maxListed).map((run) => {
          const { key, monitor, best } = run;
          const style = styles.value.get(key);
          return (
            <li
              key={key}
              class={isShown.has(key) ? "shown" : ""}
              onMouseEnter={() => {
                pointedRun.value = key;
              }}
              onMouseLeave={() => {
                pointedRun.value = undefined;
              }}
            >
              <label>
                <input type="checkbox" checked={isShown.has(key)} onChange={() => toggle(key)} />
                <Swatch color={style?.color} mark={style?.mark ?? "none"} />
                <span class="run-name">{nameOf(run)}</span>
              </label>
              <span class="run-facts">
                <Status status={run.status} />
                {best !== undefined && (
                  <span title={monitor === undefined ? "best value" : `best ${monitor.name}`}>
                    {shortNumber(best.value)}
                  </span>
                )}
                <button
                  type="button"
                  class="link"
                  aria-label={`Details of ${nameOf(run)}`}
                  onClick={() => setParams({ view: "run", of: key })}
                >
                  Details
                </button>
              </span>
            </li>
          );
        })}
      </ul>
      {order.length > maxListed && (
        <p class="note">{`${order.length - maxListed} more: filter, or choose them in the table.`}</p>
      )}
      {fitting.length === 0 && <p class="note">No run fits.</p>}
    </aside>
  );
}
