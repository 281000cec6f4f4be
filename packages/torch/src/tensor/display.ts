import { native } from "../native/load.ts";
import { scope } from "../scope.ts";
import type { DataTensor } from "./data.ts";
import { isFloatingPoint } from "./dtype.ts";

// A port of the rules of PyTorch's torch/_tensor_str.py with its default options.
const precision = 4;
const threshold = 1000;
const edgeItems = 3;
const lineWidth = 80;

type Format = (value: number) => string;

/** `1.2346e+01`, with at least two digits of exponent as Python writes it. */
function scientific(value: number): string {
  return value.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2");
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return undefined;
}

/** Chooses one notation for all elements shown, and pads them to one width. */
function floatFormat(values: readonly number[]): Format {
  const finite = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  let format: Format = (value) => (Object.is(value, -0) ? "-0." : `${value.toFixed(0)}.`);
  if (finite.length > 0) {
    const max = Math.max(...finite);
    const min = Math.min(...finite);
    const integral = finite.every((value) => value === Math.ceil(value));
    if (integral) {
      if (max / min > 1000 || max > 1e8) format = scientific;
    } else if (max / min > 1000 || max > 1e8 || min < 1e-4) {
      format = scientific;
    } else {
      format = (value) => (Object.is(value, -0) ? "-0.0000" : value.toFixed(precision));
    }
  }
  const write: Format = (value) => special(value) ?? format(value);
  // As in PyTorch, zeros and infinities do not count for the width.
  const counted = values.filter((value) => Number.isFinite(value) && value !== 0);
  const width = Math.max(1, ...counted.map((value) => write(value).length));
  return (value) => write(value).padStart(width);
}

function plainFormat(values: readonly number[], write: Format): Format {
  const width = Math.max(0, ...values.map((value) => write(value).length));
  return (value) => write(value).padStart(width);
}

type Shown =
  | { readonly kind: "value"; readonly value: number }
  | { readonly kind: "rows"; readonly rows: (Shown | null)[] };

/** The elements that are shown; null stands for the dots. */
function collect(flat: readonly number[], shape: readonly number[], summarize: boolean): Shown {
  const build = (depth: number, at: number, size: number): Shown => {
    if (depth === shape.length) return { kind: "value", value: flat[at]! };
    const length = shape[depth]!;
    const inner = length === 0 ? 0 : size / length;
    const row = (i: number) => build(depth + 1, at + i * inner, inner);
    const indices = Array.from({ length }, (_, i) => i);
    if (!summarize || length <= 2 * edgeItems) return { kind: "rows", rows: indices.map(row) };
    return {
      kind: "rows",
      rows: [...indices.slice(0, edgeItems).map(row), null, ...indices.slice(-edgeItems).map(row)],
    };
  };
  return build(0, 0, flat.length);
}

function valuesOf(shown: Shown): number[] {
  if (shown.kind === "value") return [shown.value];
  return shown.rows.flatMap((row) => (row === null ? [] : valuesOf(row)));
}

function render(shown: Shown, indent: number, format: Format, width: number): string {
  if (shown.kind === "value") return format(shown.value);
  const { rows } = shown;
  const isVector = rows.every((row) => row === null || row.kind === "value");
  if (isVector) {
    const texts = rows.map((row) => (row === null ? " ..." : format((row as { value: number }).value)));
    const perLine = Math.max(1, Math.floor((lineWidth - indent) / (width + 2)));
    const lines: string[] = [];
    for (let i = 0; i < texts.length; i += perLine) lines.push(texts.slice(i, i + perLine).join(", "));
    return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
  }
  const depth = (node: Shown): number => (node.kind === "value" ? 0 : 1 + (node.rows[0] ? depth(node.rows[0]) : 0));
  const texts = rows.map((row) => (row === null ? "..." : render(row, indent + 1, format, width)));
  return `[${texts.join(`,${"\n".repeat(depth(shown) - 1)}${" ".repeat(indent + 1)}`)}]`;
}

/** The text of a tensor as Python's `print` shows it. */
export function formatTensor(tensor: DataTensor): string {
  return scope(() => {
    const { shape, dtype, device, numel } = tensor;
    const suffixes: string[] = [];
    if (device !== "cpu") suffixes.push(`device='${device}'`);
    if (numel === 0) {
      if (shape.length !== 1) suffixes.push(`size=(${shape.join(", ")}${shape.length === 1 ? "," : ""})`);
    }
    const impliesDtype = dtype === "float32" || dtype === "bool" || (dtype === "int64" && numel > 0);
    if (!impliesDtype) suffixes.push(`dtype=torch.${dtype}`);
    const history = native.gradFnName(tensor.handle);
    if (history !== null) suffixes.push(`grad_fn=<${history}>`);
    else if (native.requiresGrad(tensor.handle)) suffixes.push("requires_grad=True");

    const prefix = "tensor(";
    let body = "[]";
    if (numel > 0) {
      const shown = collect(tensor.toArray(), shape, numel > threshold);
      const values = valuesOf(shown);
      const format = isFloatingPoint(dtype)
        ? floatFormat(values)
        : plainFormat(values, dtype === "bool" ? (v) => (v ? "True" : "False") : String);
      const width = Math.max(0, ...values.slice(0, 1).map((value) => format(value).length));
      body = render(shown, prefix.length, format, width);
    }
    let text = prefix + body;
    let column = text.length - (text.lastIndexOf("\n") + 1);
    for (const suffix of suffixes) {
      if (column + suffix.length + 3 > lineWidth) {
        text += `,\n${" ".repeat(prefix.length)}${suffix}`;
        column = prefix.length + suffix.length;
      } else {
        text += `, ${suffix}`;
        column += suffix.length + 2;
      }
    }
    return `${text})`;
  });
}
