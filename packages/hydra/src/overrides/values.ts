import type { Float } from "../yaml/scalars.ts";
import type { Decimal } from "./decimal.ts";

export type Quote = "single" | "double";

/** A string that was written in quotes; remembered because only it keeps its quotes when it is printed again. */
export class QuotedString {
  readonly text: string;
  readonly quote: Quote;

  constructor(text: string, quote: Quote) {
    this.text = text;
    this.quote = quote;
  }

  /** The string in its quotes, escaped so that it parses to the same text. */
  withQuotes(): string {
    const quote = this.quote === "single" ? "'" : '"';
    // Backslashes count only before a quote, the closing one included: there they are doubled.
    const backslashesBeforeQuote = this.quote === "single" ? /(\\*)'/g : /(\\*)"/g;
    const escaped = `${this.text}${quote}`.replace(backslashesBeforeQuote, `$1$1\\${quote}`);
    return `${quote}${escaped.slice(0, -2)}${quote}`;
  }
}

export type Scalar = string | number | bigint | boolean | null | Float;

/** A value without sweeps, as an override writes it. Maps keep their order and may have keys that are not strings. */
type Element = Scalar | QuotedString | ElementList | ElementMap;
interface ElementList extends ReadonlyArray<Parsed> {}
interface ElementMap extends ReadonlyMap<Scalar, Parsed> {}

/** A number of a range, which arithmetic may have made decimal. */
export type RangeNumber = number | bigint | boolean | Float | Decimal;

export class ChoiceSweep {
  readonly list: readonly Parsed[];
  /** Written `a,b,c` rather than `choice(a,b,c)`. */
  readonly simpleForm: boolean;
  readonly shuffle: boolean;
  readonly tags: ReadonlySet<string>;

  constructor(
    list: readonly Parsed[],
    options: { simpleForm?: boolean; shuffle?: boolean; tags?: ReadonlySet<string> },
  ) {
    this.list = list;
    this.simpleForm = options.simpleForm ?? false;
    this.shuffle = options.shuffle ?? false;
    this.tags = options.tags ?? new Set();
  }
}

export class RangeSweep {
  readonly start: RangeNumber;
  readonly stop: RangeNumber;
  readonly step: RangeNumber;
  readonly shuffle: boolean;
  readonly tags: ReadonlySet<string>;

  constructor(
    start: RangeNumber,
    stop: RangeNumber,
    step: RangeNumber,
    options: { shuffle?: boolean; tags?: ReadonlySet<string> } = {},
  ) {
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.shuffle = options.shuffle ?? false;
    this.tags = options.tags ?? new Set();
  }
}

/** A continuous interval, start <= value < end, for sweepers that can draw from one. */
export class IntervalSweep {
  readonly start: Scalar;
  readonly end: Scalar;
  readonly tags: ReadonlySet<string>;

  constructor(start: Scalar, end: Scalar, tags: ReadonlySet<string> = new Set()) {
    this.start = start;
    this.end = end;
    this.tags = tags;
  }
}

/** All options of a config group whose names match. */
export class Glob {
  readonly include: readonly Parsed[];
  readonly exclude: readonly Parsed[];

  constructor(include: readonly Parsed[], exclude: readonly Parsed[]) {
    this.include = include;
    this.exclude = exclude;
  }
}

/** What `extend_list(...)` makes: values to put at the end of a list (or, by `remove_list`, to take out of it). */
export class ListEdit {
  readonly kind: "extend" | "remove";
  readonly values: readonly Parsed[];

  constructor(kind: "extend" | "remove", values: readonly Parsed[]) {
    this.kind = kind;
    this.values = values;
  }
}

export type Sweep = ChoiceSweep | RangeSweep | IntervalSweep;
export type Parsed = Element | Sweep | Glob | ListEdit;

export function isSweep(value: unknown): value is Sweep {
  return value instanceof ChoiceSweep || value instanceof RangeSweep || value instanceof IntervalSweep;
}
