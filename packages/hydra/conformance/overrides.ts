import { isDeepStrictEqual } from "node:util";
import { floatRepr } from "@classifier-training/base";
import { HydraError } from "../src/errors.ts";
import { Decimal } from "../src/overrides/decimal.ts";
import { type Override, parseOverrides } from "../src/overrides/index.ts";
import { plainValue } from "../src/overrides/override.ts";
import {
  ChoiceSweep,
  Glob,
  type IntervalSweep,
  isSweep,
  ListEdit,
  QuotedString,
  RangeSweep,
} from "../src/overrides/values.ts";
import { asFloat, Float, isFloat } from "../src/yaml/scalars.ts";
import type { Handler } from "./handler.ts";

/** One case of overrides.json, as far as it is read here. */
export interface OverridesCase {
  readonly id: string;
  readonly input: string;
  readonly group_options?: readonly string[];
  readonly ok: boolean;
  readonly result?: {
    readonly sweep_values_truncated?: boolean;
    readonly sweep_values_sorted_because_shuffled?: boolean;
  };
}

/** Runs a case; the outcome has the form of the recorded one. */
export function runOverridesCase(input: OverridesCase): Record<string, unknown> {
  try {
    const [override] = parseOverrides([input.input]);
    return { ok: true, result: describe(override as Override, input) };
  } catch (error) {
    if (!(error instanceof HydraError)) throw error;
    return { ok: false, error: error.message };
  }
}

function describe(override: Override, input: OverridesCase): Record<string, unknown> {
  const raw = override.rawValue ?? null;
  const result: Record<string, unknown> = {
    type: override.type,
    key_or_group: override.keyOrGroup,
    package: override.package ?? null,
    key_element: override.keyElement,
    value_type: override.valueType ?? null,
    is_hydra: override.isHydraOverride,
    is_sweep: override.isSweep,
  };
  if (override.isSweep) {
    result["sweep"] = sweepRecord(raw);
    const isListable = override.isDiscreteSweep && !(raw instanceof Glob && input.group_options === undefined);
    if (isListable) Object.assign(result, sweepValues(override, input));
    return result;
  }
  if (isSweep(raw)) return result;
  const isShuffled = /shuffle *\(/.test(input.input);
  const value = encode(plainValue(raw));
  result["value"] = isShuffled ? sortAsSet(value) : value;
  if (isShuffled) {
    result["value_shuffled"] = true;
    return result;
  }
  const rawEncoded = encode(raw);
  if (containsQuoted(raw) && override.type !== "EXTEND_LIST") result["raw_value"] = rawEncoded;
  result["value_str"] = override.valueText();
  return result;
}

function sortAsSet(value: unknown): unknown {
  return Array.isArray(value) ? [...value].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : value;
}

function containsQuoted(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(containsQuoted);
  if (value instanceof Map) return [...value.values()].some(containsQuoted);
  return value instanceof QuotedString;
}

function sweepRecord(sweep: unknown): Record<string, unknown> {
  if (sweep instanceof Glob) return { kind: "glob", include: encode(sweep.include), exclude: encode(sweep.exclude) };
  const tags = isSweep(sweep) ? [...sweep.tags].sort() : [];
  if (sweep instanceof ChoiceSweep) {
    const { list, simpleForm, shuffle } = sweep;
    return { tags, kind: "choice", list: encode(list), simple_form: simpleForm, shuffle };
  }
  if (sweep instanceof RangeSweep) {
    const { start, stop, step, shuffle } = sweep;
    return { tags, kind: "range", start: encode(start), stop: encode(stop), step: encode(step), shuffle };
  }
  const { start, end } = sweep as IntervalSweep;
  return { tags, kind: "interval", start: encode(start), end: encode(end) };
}

function sweepValues(override: Override, input: OverridesCase): Record<string, unknown> {
  const values: string[] = [];
  try {
    for (const text of override.sweepTexts(() => input.group_options ?? [])) {
      if (values.length === 100) return { sweep_values_truncated: true, sweep_values: values };
      values.push(text);
    }
  } catch (error) {
    if (!(error instanceof HydraError)) throw error;
    return { sweep_error: "any" };
  }
  const { rawValue } = override;
  const isShuffled = (rawValue instanceof ChoiceSweep || rawValue instanceof RangeSweep) && rawValue.shuffle;
  if (!isShuffled) return { sweep_values: values };
  return { sweep_values_sorted_because_shuffled: true, sweep_values: values.sort() };
}

/** A value in the corpus's JSON encoding. */
export function encode(value: unknown): unknown {
  if (value instanceof Decimal) return encode(asFloat(value.toNumber()));
  if (isFloat(value)) {
    const number = value instanceof Float ? value.value : value;
    return Number.isFinite(number) && !Number.isInteger(number) ? number : { $float: floatRepr(number) };
  }
  if (typeof value === "bigint") return { $int: String(value) };
  if (Array.isArray(value)) return value.map(encode);
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => [encode(key), encode(item)]);
    return entries.every(([key]) => typeof key === "string") ? Object.fromEntries(entries) : { $map: entries };
  }
  if (value instanceof QuotedString) return { $quoted: value.text, quote: value.quote };
  if (isSweep(value)) return sweepRecord(value);
  if (value instanceof Glob || value instanceof ListEdit) return String(value);
  return value;
}

/** Errors are compared by their being there: their wording is this package's own. */
function comparable(outcome: { readonly ok: boolean; readonly result?: unknown }): unknown {
  const result = outcome.result as { sweep_error?: unknown } | undefined;
  return { ok: outcome.ok, result: result?.sweep_error === undefined ? result : { ...result, sweep_error: "any" } };
}

export const handler: Handler = {
  run: (testCase) => runOverridesCase(testCase as unknown as OverridesCase),
  compare(expected, actual: Record<string, unknown>) {
    const wanted = comparable(expected);
    const found = comparable(actual as { ok: boolean });
    if (isDeepStrictEqual(wanted, found)) return undefined;
    return `expected ${JSON.stringify(wanted)}\n    actual   ${JSON.stringify(found)}`;
  },
};
