import type { XAxis } from "../../charts/curves.ts";
import { axisTitles } from "../../charts/line-plot.ts";
import { param } from "../../state/params.ts";

/** How all charts are plotted; in the address, so that a link shows the same. */
export const xAxisParam = param("x", "step");
export const logXParam = param("logx");
export const smoothingParam = param("smooth", "0");
export const outliersParam = param("outliers", "1");
export const zoomParam = param("zoom");
export const spreadParam = param("spread");
/** Titles of charts with a logarithmic y axis. */
export const logYParam = param("logy");
/** Titles of sections that are folded. */
export const foldedParam = param("folded");

export function xAxis(): XAxis {
  return xAxisParam.value in axisTitles ? (xAxisParam.value as XAxis) : "step";
}

/** The weight of what was before, 0 to 0.99. */
export function smoothing(): number {
  const value = Number(smoothingParam.value);
  return Number.isFinite(value) ? Math.min(0.99, Math.max(0, value)) : 0;
}

export function zoom(): readonly [number, number] | undefined {
  const [low = Number.NaN, high = Number.NaN] = zoomParam.value.split("~").map(Number);
  return zoomParam.value !== "" && low < high ? [low, high] : undefined;
}

export function setZoom(range: readonly [number, number] | undefined): void {
  zoomParam.set(range === undefined ? "" : range.map((value) => Number(value.toPrecision(10))).join("~"));
}

/** One of several titles in a parameter. */
export function isIn(list: { readonly value: string }, title: string): boolean {
  return list.value.split("|").includes(title);
}

export function toggleIn(list: typeof logYParam, title: string, isOn: boolean): void {
  const others = list.value.split("|").filter((other) => other !== "" && other !== title);
  list.set([...others, ...(isOn ? [title] : [])].join("|"));
}
