import { floatRepr } from "@classifier-training/base";

/**
 * The values that a YAML scalar can have, with Python's distinction of int and float: `1` is an int, `1.0` a float.
 * A JavaScript number that is integral stands for an int, any other number for a float; a float whose value is
 * integral (1.0, 1e3, -0.0) is wrapped in {@link Float}; ints beyond 2^53 are bigints.
 */
export type Scalar = null | boolean | string | number | bigint | Float | Uint8Array;

/** A float whose value is integral, so that it is not taken for an int. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }

  toString(): string {
    return floatRepr(this.value);
  }
}

/** Wraps a number that is known to be a float. */
export function asFloat(value: number): number | Float {
  return Number.isInteger(value) ? new Float(value) : value;
}

/** An int as number where that is exact, else as bigint. */
export function asInt(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The number that a scalar is, without the marker of floats. */
export function plainScalar<T>(value: T): Exclude<T, Float> | number {
  return value instanceof Float ? value.value : (value as Exclude<T, Float>);
}

export function isInt(value: unknown): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}

export function isFloat(value: unknown): value is number | Float {
  return value instanceof Float || (typeof value === "number" && !Number.isInteger(value));
}
