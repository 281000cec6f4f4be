import { useEffect, useState } from "preact/hooks";
import type { RunMetrics } from "../../../src/api-types.ts";
import { api, runPath } from "../../state/api.ts";
import { type LoadedMetrics, metrics } from "../../state/metrics.ts";
import { selectedKeys } from "../../state/selection.ts";
import { xAxis, zoom } from "./settings.ts";

/** The part of long runs that is zoomed into comes with all its points, as soon as the zoom rests. */
const restMs = 200;

/** The curves of the runs that are shown, in the detail that the zoom asks for. */
export function useZoomedMetrics(): ReadonlyMap<string, LoadedMetrics> {
  const [parts, setParts] = useState<ReadonlyMap<string, LoadedMetrics>>(new Map());
  const range = xAxis() === "step" ? zoom() : undefined;
  const loaded = metrics.value;
  const long = selectedKeys.value.filter((key) => loaded.get(key)?.downsampled === true);
  useEffect(() => {
    setParts(new Map());
    if (range === undefined || long.length === 0) return undefined;
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const [begin, end] = range;
      const asked = long.map(async (key): Promise<[string, LoadedMetrics]> => {
        const part = await api<RunMetrics>(runPath(key, `/metrics?begin=${begin}&end=${end}`));
        return [key, { ...part, version: "" }];
      });
      const found = await Promise.allSettled(asked);
      if (isCurrent) setParts(new Map(found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))));
    }, restMs);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [range?.join(), long.join()]);
  return parts.size === 0 ? loaded : new Map([...loaded, ...parts]);
}
