import { floatRepr } from "@classifier-training/base";
import { fixedDigits, scientificDigits } from "./decimal.ts";
import { MisconfigurationError } from "./errors.ts";

const specPattern = /^(?:(.)?([<>=^]))?([+\- ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/;

/**
 * A number by a format specification of Python (`02d`, `.4f`, `.2e`, `g`, `%`, `>8.3f`), as checkpoint names use them.
 * @param integer whether Python would hold an int: it decides the default type and which types are allowed.
 * @throws MisconfigurationError when Python would refuse the specification.
 */
export function pythonFormat(value: number, spec: string, integer = Number.isInteger(value)): string {
  if (spec === "") return integer ? String(value) : floatRepr(value);
  const match = specPattern.exec(spec);
  if (match === null) throw new MisconfigurationError(`Invalid format specifier '${spec}'`);
  const [, fillText, alignText, sign = "-", , zero, widthText = "0", grouping, precisionText, type] = match;
  const precision = precisionText === undefined ? undefined : Number(precisionText);
  let body = digits(Math.abs(value), type, precision, integer, spec);
  if (grouping !== undefined) body = body.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, grouping));
  const negative = value < 0 || Object.is(value, -0);
  const prefix = negative ? "-" : sign === "-" ? "" : sign;
  const padding = Math.max(0, Number(widthText) - prefix.length - body.length);
  const fill = fillText ?? (zero !== undefined ? "0" : " ");
  const align = alignText ?? (zero !== undefined ? "=" : ">");
  if (align === "=") return prefix + fill.repeat(padding) + body;
  if (align === "<") return prefix + body + fill.repeat(padding);
  if (align === "^") {
    const left = Math.floor(padding / 2);
    return fill.repeat(left) + prefix + body + fill.repeat(padding - left);
  }
  return fill.repeat(padding) + prefix + body;
}

function digits(
  value: number,
  type: string | undefined,
  precision: number | undefined,
  integer: boolean,
  spec: string,
): string {
  if (integer && (type === undefined || "bcdnoxX".includes(type))) return integerDigits(value, type, precision, spec);
  if (type !== undefined && "bcdoxXs".includes(type)) {
    throw new MisconfigurationError(`Unknown format code '${type}' for object of type 'float'`, `in '${spec}'`);
  }
  const text = floatDigits(value, type?.toLowerCase(), precision);
  return type !== undefined && "EFG".includes(type) ? text.toUpperCase() : text;
}

function integerDigits(value: number, type: string | undefined, precision: number | undefined, spec: string): string {
  if (precision !== undefined) {
    throw new MisconfigurationError("Precision not allowed in integer format specifier", `in '${spec}'`);
  }
  if (type === "c") return String.fromCodePoint(value);
  const text = value.toString({ b: 2, o: 8, x: 16, X: 16 }[type ?? "d"] ?? 10);
  return type === "X" ? text.toUpperCase() : text;
}

function floatDigits(value: number, type: string | undefined, precision: number | undefined): string {
  if (!Number.isFinite(value)) return `${Number.isNaN(value) ? "nan" : "inf"}${type === "%" ? "%" : ""}`;
  switch (type) {
    case "e": {
      const { mantissa, power } = scientificDigits(value, precision ?? 6);
      return `${mantissa}${exponentOf(power)}`;
    }
    case "f":
      return fixedDigits(value, precision ?? 6);
    case "%":
      return `${fixedDigits(value * 100, precision ?? 6)}%`;
    case undefined:
      return precision === undefined ? floatRepr(value) : general(value, precision, true);
    default:
      return general(value, precision ?? 6, false);
  }
}

function exponentOf(power: number): string {
  return `e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/**
 * C's `%g`: `precision` significant digits, in scientific notation outside [1e-4, 10^precision), no trailing zeros.
 * @param pointed Python's format without a type: always with a point, hence scientific from 10^(precision - 1) on
 */
function general(value: number, precision: number, pointed: boolean): string {
  const significant = Math.max(1, precision);
  const { mantissa, power } = scientificDigits(value, significant - 1);
  const trim = (text: string) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power < -4 || power >= significant - (pointed ? 1 : 0)) return `${trim(mantissa)}${exponentOf(power)}`;
  const text = trim(fixedDigits(value, significant - 1 - power));
  return pointed && !text.includes(".") ? `${text}.0` : text;
}
