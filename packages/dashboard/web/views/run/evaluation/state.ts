import type { SampleQuery } from "../../../../src/evaluation-types.ts";
import { runPath } from "../../../state/api.ts";
import { param, setParams } from "../../../state/params.ts";

/** The evaluation that is shown; without it the best one, or the newest of a run that trains. */
export const evaluationParam = param("evaluation");
export const partParam = param("aspect", "confusion");

const params = {
  true: param("true"),
  predicted: param("predicted"),
  key: param("slicekey"),
  value: param("slice"),
  low: param("above"),
  high: param("upto"),
} as const;
type FilterName = keyof typeof params;

const addresses: Readonly<Record<FilterName, string>> = {
  true: "true",
  predicted: "predicted",
  key: "slicekey",
  value: "slice",
  low: "above",
  high: "upto",
};

/** Whether the samples that are right are shown, too. */
export const rightParam = param("right");
export const orderParam = param("sampleorder", "confident");

/** Which samples the address asks for. */
export function sampleFilter(): Readonly<Partial<Record<FilterName, string>>> {
  const names = Object.keys(params) as FilterName[];
  return Object.fromEntries(names.flatMap((name) => (params[name].value === "" ? [] : [[name, params[name].value]])));
}

/** Shows the samples of a cell, a class, a slice or a bin, and of nothing else. */
export function filterSamples(
  filter: Pick<SampleQuery, "true" | "predicted" | "key" | "value" | "low" | "high">,
  change: Readonly<Record<string, string | undefined>> = {},
): void {
  const names = Object.keys(addresses) as FilterName[];
  setParams({
    ...Object.fromEntries(
      names.map((name) => [addresses[name], filter[name] === undefined ? undefined : String(filter[name])]),
    ),
    ...change,
  });
}

/** The address of a part of an evaluation. */
export function evaluationPath(key: string, id: string, part: string): string {
  return runPath(key, `/evaluations/${id}/${part}`);
}
