/** Decimal digits as Python prints them: the exact binary value is rounded, halves to even. (`toFixed` rounds halves up.) */

/** A finite number of at least 0, with so many digits after the point. */
export function fixedDigits(value: number, digits: number): string {
  const text = String(rounded(value, digits)).padStart(digits + 1, "0");
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** A finite number of at least 0 as `d.ddd` and a power of ten, with so many digits after the point. */
export function scientificDigits(value: number, digits: number): { readonly mantissa: string; readonly power: number } {
  let power = value === 0 ? 0 : Math.floor(Math.log10(value));
  let text = String(rounded(value, digits - power));
  // The logarithm may be off by one, and rounding may make one more digit (9.99 -> 10.0).
  while (text.length > digits + 1) text = String(rounded(value, digits - ++power));
  while (value !== 0 && text.length < digits + 1) text = String(rounded(value, digits - --power));
  text = text.padEnd(digits + 1, "0");
  return { mantissa: digits === 0 ? text : `${text.slice(0, 1)}.${text.slice(1)}`, power };
}

/** value * 10^power as an integer. */
function rounded(value: number, power: number): bigint {
  const { mantissa, exponent } = binary(value);
  const scale = 10n ** BigInt(Math.abs(power));
  const numerator = (mantissa << BigInt(Math.max(0, exponent))) * (power > 0 ? scale : 1n);
  const denominator = (1n << BigInt(Math.max(0, -exponent))) * (power < 0 ? scale : 1n);
  const quotient = numerator / denominator;
  const twiceTheRest = (numerator % denominator) * 2n;
  const up = twiceTheRest > denominator || (twiceTheRest === denominator && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

/** The number as mantissa * 2^exponent. */
function binary(value: number): { readonly mantissa: bigint; readonly exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const fraction = bits & ((1n << 52n) - 1n);
  const biased = Number((bits >> 52n) & 0x7ffn);
  return biased === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 };
}
