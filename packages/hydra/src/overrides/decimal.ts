import { OverrideFunctionError } from "./errors.ts";

/** Python's default decimal context keeps this many significant digits. */
const precision = 28n;

function powerOfTen(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

/**
 * The small part of decimal arithmetic that `range(0.0,1.0,0.1)` needs so that it yields 0.3 and not
 * 0.30000000000000004: exact sums and products of decimal numbers, rounded to 28 digits, with infinities.
 */
export class Decimal {
  readonly #coefficient: bigint;
  readonly #exponent: number;
  /** Set for infinities and NaN, which have no coefficient. */
  readonly #special: number | undefined;

  private constructor(coefficient: bigint, exponent: number, special?: number) {
    this.#coefficient = coefficient;
    this.#exponent = exponent;
    this.#special = special;
  }

  static from(value: number | bigint): Decimal {
    if (typeof value === "bigint") return new Decimal(value, 0);
    if (!Number.isFinite(value)) return new Decimal(0n, 0, value);
    const [mantissa = "0", exponent = "0"] = String(value).split("e");
    const [whole = "0", fraction = ""] = mantissa.split(".");
    return new Decimal(BigInt(whole + fraction), Number(exponent) - fraction.length);
  }

  toNumber(): number {
    return this.#special ?? Number(`${this.#coefficient}e${this.#exponent}`);
  }

  get isFinite(): boolean {
    return this.#special === undefined;
  }

  sign(): number {
    if (this.#special !== undefined) {
      if (Number.isNaN(this.#special)) throw invalidOperation();
      return Math.sign(this.#special);
    }
    return this.#coefficient > 0n ? 1 : this.#coefficient < 0n ? -1 : 0;
  }

  negate(): Decimal {
    return new Decimal(-this.#coefficient, this.#exponent, this.#special === undefined ? undefined : -this.#special);
  }

  plus(other: Decimal): Decimal {
    if (this.#special !== undefined || other.#special !== undefined) {
      return Decimal.#specialResult((this.#special ?? 0) + (other.#special ?? 0), this, other);
    }
    const [a, b, exponent] = this.#aligned(other);
    return Decimal.#rounded(a + b, exponent);
  }

  times(other: Decimal): Decimal {
    if (this.#special !== undefined || other.#special !== undefined) {
      return Decimal.#specialResult((this.#special ?? this.sign()) * (other.#special ?? other.sign()), this, other);
    }
    return Decimal.#rounded(this.#coefficient * other.#coefficient, this.#exponent + other.#exponent);
  }

  half(): Decimal {
    return this.times(new Decimal(5n, -1));
  }

  compare(other: Decimal): number {
    if (this.#special !== undefined || other.#special !== undefined) {
      const a = this.#special ?? 0;
      const b = other.#special ?? 0;
      if (Number.isNaN(a) || Number.isNaN(b)) throw invalidOperation();
      return a === b ? 0 : a < b ? -1 : 1;
    }
    const [a, b] = this.#aligned(other);
    return a < b ? -1 : a > b ? 1 : 0;
  }

  /** How many whole steps of `step` fit into this, counting a last partial one. */
  ceilingQuotient(step: Decimal): number {
    if (this.#special !== undefined) throw invalidOperation();
    if (step.#special !== undefined) return this.sign() === 0 ? 0 : 1;
    const [a, b] = this.#aligned(step);
    return Number(a / b) + (a % b === 0n ? 0 : 1);
  }

  #aligned(other: Decimal): [bigint, bigint, number] {
    const exponent = Math.min(this.#exponent, other.#exponent);
    return [
      this.#coefficient * powerOfTen(this.#exponent - exponent),
      other.#coefficient * powerOfTen(other.#exponent - exponent),
      exponent,
    ];
  }

  static #specialResult(value: number, a: Decimal, b: Decimal): Decimal {
    const hadNaN = Number.isNaN(a.#special) || Number.isNaN(b.#special);
    if (Number.isNaN(value) && !hadNaN) throw invalidOperation();
    return new Decimal(0n, 0, value);
  }

  static #rounded(coefficient: bigint, exponent: number): Decimal {
    const digits = (coefficient < 0n ? -coefficient : coefficient).toString().length;
    const excess = digits - Number(precision);
    if (excess <= 0) return new Decimal(coefficient, exponent);
    const scale = powerOfTen(excess);
    let quotient = coefficient / scale;
    const twice = (coefficient % scale) * 2n;
    const magnitude = twice < 0n ? -twice : twice;
    const isOdd = quotient % 2n !== 0n;
    if (magnitude > scale || (magnitude === scale && isOdd)) quotient += coefficient < 0n ? -1n : 1n;
    return new Decimal(quotient, exponent + excess);
  }
}

function invalidOperation(): OverrideFunctionError {
  return new OverrideFunctionError("InvalidOperation", "the range has no finite sequence of values");
}
