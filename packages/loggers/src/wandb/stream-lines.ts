import type { OutputRawRecord, StatsRecord } from "../proto/wandb.generated.ts";
import { emptyTree, itemPath, parseWandbJson, type RecordItem, setPath, wandbJson } from "./records.ts";

/** A history record as the line of the file stream; steps may be shifted behind those of an earlier part of the run. */
export function historyLine(historyItems: readonly RecordItem[], stepShift: number): string {
  if (stepShift === 0 && historyItems.every((item) => itemPath(item).length === 1)) {
    return `{${historyItems.map((item) => `${JSON.stringify(itemPath(item)[0])}:${item.valueJson}`).join(",")}}`;
  }
  const row = emptyTree();
  for (const item of historyItems) setPath(row, item);
  if (typeof row["_step"] === "number") row["_step"] += stepShift;
  return wandbJson(row);
}

/** A sample of the machine as a line of the events stream. */
export function eventsLine({ timestamp, item }: StatsRecord, startedAtMs: number): string {
  const atMs = Number(timestamp?.seconds ?? 0n) * 1000 + (timestamp?.nanos ?? 0) / 1e6;
  const values = item.map(({ key, valueJson }) => [`system.${key}`, parseWandbJson(valueJson)] as const);
  return wandbJson({
    _wandb: true,
    _timestamp: atMs / 1000,
    _runtime: (atMs - startedAtMs) / 1000,
    ...Object.fromEntries(values),
  });
}

/** Console output as lines of the log, with their time, and `ERROR` before those of stderr. */
export function consoleLines({ outputType, timestamp, line }: OutputRawRecord): string[] {
  const at = new Date(Number(timestamp?.seconds ?? 0n) * 1000 + (timestamp?.nanos ?? 0) / 1e6);
  const prefix = `${outputType === 0 ? "ERROR " : ""}${at.toISOString().replace("Z", "000")}`;
  return line
    .replace(/\n$/, "")
    .split("\n")
    .map((text) => `${prefix} ${text}`);
}
