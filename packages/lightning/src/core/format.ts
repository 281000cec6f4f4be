import { MisconfigurationError } from "./errors.ts";

/** A float as Python's `repr` writes it: `1.0`, `0.001`, `1e-05`, `nan`, `inf`. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) return exponent(value.toExponential());
  const text = String(value);
  if (/e/.test(text)) return value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 20 });
  return text.includes(".") ? text : `${Object.is(value, -0) ? "-0" : text}.0`;
}

/** JavaScript writes exponents as `1e-5`, Python as `1e-05`. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

const specPattern = /^(?:(.)?([<>=^]))?([+\- ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/;

/**
 * A number by a format specification of Python (`02d`, `.4f`, `.2e`, `g`, `%`, `>8.3f`), as checkpoint names use them.
 * @param integer whether Python would hold an int: it decides the default type and which types are allowed.
 * @throws MisconfigurationError when Python would refuse the specification.
 */
export function pythonFormat(value: number, spec: string, integer = Number.isInteger(value)): string {
  if (spec === "") return integer ? String(value) : pythonFloat(value);
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
  const special = Number.isNaN(value) ? "nan" : Number.isFinite(value) ? undefined : "inf";
  switch (type) {
    case "b":
    case "d":
    case "o":
    case "x":
    case "X": {
      if (!integer || special !== undefined) {
        throw new MisconfigurationError(`Unknown format code '${type}' for object of type 'float'`, `in '${spec}'`);
      }
      const text = value.toString({ b: 2, d: 10, o: 8, x: 16, X: 16 }[type]);
      return type === "X" ? text.toUpperCase() : text;
    }
    case "e":
    case "E": {
      const text = special ?? exponent(value.toExponential(precision ?? 6));
      return type === "E" ? text.toUpperCase() : text;
    }
    case "f":
    case "F":
      return special ?? value.toFixed(precision ?? 6);
    case "%":
      return `${special ?? (value * 100).toFixed(precision ?? 6)}%`;
    case "s":
    case "c":
      throw new MisconfigurationError(`Unknown format code '${type}' for a number`, `in '${spec}'`);
    default: {
      if (special !== undefined) return special;
      if (type === undefined && precision === undefined) return integer ? String(value) : pythonFloat(value);
      return general(value, precision ?? 6);
    }
  }
}

/** C's `%g`: `precision` significant digits, in scientific notation outside [1e-4, 10^precision), no trailing zeros. */
function general(value: number, precision: number): string {
  const significant = Math.max(1, precision);
  if (value === 0) return "0";
  const [mantissa = "", power = "0"] = value.toExponential(significant - 1).split("e");
  const trim = (text: string) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (Number(power) < -4 || Number(power) >= significant) return exponent(`${trim(mantissa)}e${power}`);
  return trim(value.toFixed(significant - 1 - Number(power)));
}
