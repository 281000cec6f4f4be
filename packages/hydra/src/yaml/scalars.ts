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

/** Python's `repr(float)`: shortest digits, exponent from 1e16 on and below 1e-4. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent >= 16 || exponent < -4) {
    const digits = Math.abs(exponent).toString().padStart(2, "0");
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${digits}`;
  }
  if (exponent < 0) {
    const sign = value < 0 ? "-" : "";
    return `${sign}0.${"0".repeat(-exponent - 1)}${mantissa.replace(/[-.]/g, "")}`;
  }
  const text = value.toString();
  return text.includes(".") ? text : `${text}.0`;
}

export function isInt(value: unknown): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}

export function isFloat(value: unknown): value is number | Float {
  return value instanceof Float || (typeof value === "number" && !Number.isInteger(value));
}
