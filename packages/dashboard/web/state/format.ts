import type { ShownStatus } from "../../src/api-types.ts";

const labels: Readonly<Record<ShownStatus, string>> = {
  running: "running",
  success: "done",
  failed: "failed",
  interrupted: "stopped",
  lost: "killed",
  stale: "stale",
};

export function statusLabel(status: ShownStatus): string {
  return labels[status];
}

/** What a status means, where there is room. */
export const statusHelp: Readonly<Record<ShownStatus, string>> = {
  running: "it is training",
  success: "it ended by itself",
  failed: "it ended with an error",
  interrupted: "it was stopped, and can be resumed",
  lost: "its process is gone, and it did not say why: killed, or the machine was switched off",
  stale: "it says that it is running, but nothing was written for 15 minutes",
};

/** At most four digits that matter. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return "NaN";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}

/** `2 h 05 m`, `3 m 20 s`, `12 s`. @param seconds */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  const two = (value: number) => String(value).padStart(2, "0");
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${two(minutes)} m`;
  return minutes > 0 ? `${minutes} m ${two(whole % 60)} s` : `${whole} s`;
}

/** Local time, `2026-01-31 09:05`. @param ms since 1970 */
export function timeText(ms: number): string {
  if (!Number.isFinite(ms)) return "";
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
