import { floatRepr } from "@classifier-training/base";
import { isFloat } from "../yaml/scalars.ts";
import { OverrideFunctionError } from "./errors.ts";
import { shuffled } from "./functions.ts";
import { globFilter } from "./glob.ts";
import { mustEnd, rangeValues } from "./ranges.ts";
import { escapeSpecialCharacters } from "./text.ts";
import {
  ChoiceSweep,
  Glob,
  type IntervalSweep,
  isSweep,
  ListEdit,
  type Parsed,
  QuotedString,
  RangeSweep,
  type Scalar,
} from "./values.ts";

export type OverrideType = "CHANGE" | "ADD" | "FORCE_ADD" | "DEL" | "EXTEND_LIST" | "REMOVE_FROM_LIST";
export type ValueType =
  | "ELEMENT"
  | "CHOICE_SWEEP"
  | "GLOB_CHOICE_SWEEP"
  | "SIMPLE_CHOICE_SWEEP"
  | "RANGE_SWEEP"
  | "INTERVAL_SWEEP";

/** A value with its quotes dropped: what an override sets. */
export type PlainValue = Scalar | PlainValue[] | PlainMap | ChoiceSweep | RangeSweep | IntervalSweep | Glob | ListEdit;
interface PlainMap extends Map<Scalar, PlainValue> {}

/** One parsed override, such as `+db@backup=mysql`. */
export class Override {
  readonly type: OverrideType;
  /** A config group (`db/engine`) or a key path (`db.user`). */
  readonly keyOrGroup: string;
  readonly package: string | undefined;
  /** What follows the `=`, quotes remembered; undefined for a deletion without `=`. */
  readonly rawValue: Parsed | undefined;
  readonly valueType: ValueType | undefined;
  /** The override as it was given. */
  readonly inputLine: string;

  constructor(parts: {
    type: OverrideType;
    keyOrGroup: string;
    package: string | undefined;
    rawValue: Parsed | undefined;
    valueType: ValueType | undefined;
    inputLine: string;
  }) {
    this.type = parts.type;
    this.keyOrGroup = parts.keyOrGroup;
    this.package = parts.package;
    this.rawValue = parts.rawValue;
    this.valueType = parts.valueType;
    this.inputLine = parts.inputLine;
  }

  /** The value that this override sets, with quoted strings as plain ones. */
  value(): PlainValue {
    return plainValue(this.rawValue ?? null);
  }

  get isDelete(): boolean {
    return this.type === "DEL";
  }

  /** Whether it changes a list that is there, by `extend_list(...)` or `remove_list(...)`. */
  get isListEdit(): boolean {
    return this.type === "EXTEND_LIST" || this.type === "REMOVE_FROM_LIST";
  }

  get isSweep(): boolean {
    return this.valueType !== undefined && this.valueType !== "ELEMENT";
  }

  /** Whether its values can be listed: choices, globs and ranges, but not intervals. */
  get isDiscreteSweep(): boolean {
    return this.isSweep && this.valueType !== "INTERVAL_SWEEP";
  }

  get isHydraOverride(): boolean {
    return this.keyOrGroup.startsWith("hydra.") || this.keyOrGroup.startsWith("hydra/");
  }

  /** The key with its prefix and package, e.g. `+db@backup`. */
  get keyElement(): string {
    const prefix = this.type === "DEL" ? "~" : this.type === "ADD" ? "+" : this.type === "FORCE_ADD" ? "++" : "";
    return prefix + (this.package === undefined ? this.keyOrGroup : `${this.keyOrGroup}@${this.package}`);
  }

  /** The value written back in the override grammar, so that it parses to the same value. */
  valueText(spaceAfterSeparator = false): string {
    if (isSweep(this.rawValue)) throw new OverrideFunctionError("HydraException", "Cannot convert sweep to str");
    return elementText(this.rawValue ?? null, spaceAfterSeparator);
  }

  /** The values of a discrete sweep, written in the override grammar. `options` lists a config group's options. */
  *sweepTexts(options?: (group: string) => readonly string[]): Generator<string> {
    const value = this.rawValue;
    if (value instanceof ChoiceSweep) {
      for (const item of value.shuffle ? shuffled(value.list) : value.list) yield elementText(item);
    } else if (value instanceof RangeSweep) {
      if (value.shuffle) mustEnd(value);
      for (const item of value.shuffle ? shuffled([...rangeValues(value)]) : rangeValues(value))
        yield elementText(item);
    } else if (value instanceof Glob) {
      if (options === undefined)
        throw new OverrideFunctionError("HydraException", "no config groups to match a glob with");
      yield* globFilter(value, options(this.keyOrGroup));
    } else {
      throw new OverrideFunctionError(
        "HydraException",
        `Can only enumerate CHOICE and RANGE sweeps, type is ${this.valueType}`,
      );
    }
  }
}

export function plainValue(value: Parsed): PlainValue {
  if (value instanceof QuotedString) return value.text;
  if (Array.isArray(value)) return (value as readonly Parsed[]).map(plainValue);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, plainValue(item)]));
  return value as PlainValue;
}

/** An element in the override grammar. */
export function elementText(value: Parsed, spaceAfterSeparator = false): string {
  const space = spaceAfterSeparator ? " " : "";
  if (value === null) return "null";
  if (value instanceof QuotedString) return value.withQuotes();
  if (typeof value === "string") return escapeSpecialCharacters(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) {
    return `[${(value as readonly Parsed[]).map((item) => elementText(item, spaceAfterSeparator)).join(`,${space}`)}]`;
  }
  if (value instanceof Map) {
    const items = [...value].map(
      ([key, item]) => `${elementText(key)}:${space}${elementText(item, spaceAfterSeparator)}`,
    );
    return `{${items.join(`,${space}`)}}`;
  }
  if (isSweep(value) || value instanceof Glob || value instanceof ListEdit) {
    throw new OverrideFunctionError("AssertionError", "a sweep cannot stand inside another value");
  }
  return isFloat(value) ? floatRepr(Number(value)) : String(value);
}
