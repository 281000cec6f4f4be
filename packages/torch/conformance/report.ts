import { CtError } from "@classifier-training/base";

/** Counts the cases of one section, and keeps a line for each that failed. */
export class Section {
  readonly name: string;
  readonly failures: string[] = [];
  passed = 0;

  constructor(name: string) {
    this.name = name;
  }

  get total(): number {
    return this.passed + this.failures.length;
  }

  /** Runs one case: it passes when `check` returns no complaint and throws nothing. */
  case(label: string, check: () => readonly string[]): void {
    let complaints: readonly string[];
    try {
      complaints = check();
    } catch (error) {
      complaints = [`${CtError.is(error) ? "error" : "crash"}: ${error instanceof Error ? error.message : error}`];
    }
    if (complaints.length === 0) this.passed++;
    else this.failures.push(`${label}: ${complaints.slice(0, 3).join("; ")}${complaints.length > 3 ? "; ..." : ""}`);
  }
}

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** A number as the recordings write it: non-finite ones are strings. */
export function recordedNumber(value: unknown): number {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  throw new CtError({
    code: "conformance/format",
    what: `expected a number in the recording, received ${String(value)}`,
  });
}

/** The numbers of a nested list, in row-major order. */
export function flatNumbers(value: unknown): number[] {
  return Array.isArray(value) ? value.flatMap(flatNumbers) : [recordedNumber(value)];
}

/** Complaints about the values that differ by more than `absolute + relative * |expected|`. */
export function compare(
  what: string,
  actual: readonly number[],
  expected: readonly number[],
  tol: Tolerance,
): string[] {
  if (actual.length !== expected.length) return [`${what}: ${actual.length} values, expected ${expected.length}`];
  return expected.flatMap((wanted, i) => {
    const got = actual[i] as number;
    if (Object.is(got, wanted) || got === wanted) return [];
    if (Math.abs(got - wanted) <= tol.absolute + tol.relative * Math.abs(wanted)) return [];
    return [`${what}[${i}] is ${got}, expected ${wanted}`];
  });
}
