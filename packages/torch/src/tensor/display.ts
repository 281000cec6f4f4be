import { native } from "../native/load.ts";
import { bind } from "../ops/dispatch.ts";
import { scope } from "../scope.ts";
import { isComplex, isFloatingPoint } from "./dtype.ts";
import type { Tensor } from "./tensor.ts";

// A port of the rules of PyTorch's torch/_tensor_str.py with its default options.
const precision = 4;
const threshold = 1000;
const edgeItems = 3;
const lineWidth = 80;

const viewAsReal = bind("aten::view_as_real");
const resolveConj = bind("aten::resolve_conj");

/** How the elements of one tensor are written: all in one notation, padded to one width. */
interface Formatter {
  readonly width: number;
  format(index: number): string;
}

/**
 * JavaScript rounds a tie away from zero, Python to the even digit. `exact` has all digits of the value; when they are a
 * tie after an even digit, that digit stays, else the rounded text holds.
 */
function tieToEven(exact: string, rounded: string): string {
  const tie = /^(-?\d+\.\d{3}[02468])50*(e.*)?$/.exec(exact);
  return tie === null ? rounded : tie[1]! + (tie[2] ?? "");
}

const manyDigits = 60;

function sign(value: number): string {
  return Object.is(value, -0) ? "-" : "";
}

function fixed(value: number): string {
  return sign(value) + tieToEven(value.toFixed(manyDigits), value.toFixed(precision));
}

/** `1.2346e+01`, with at least two digits of exponent as Python writes it. */
function scientific(value: number): string {
  const text = tieToEven(value.toExponential(manyDigits), value.toExponential(precision));
  return sign(value) + text.replace(/e([+-])(\d)$/, "e$10$2");
}

function integral(value: number): string {
  return `${sign(value)}${value.toFixed(0)}.`;
}

/** The notation that suits all finite values other than zero. */
function notation(values: readonly number[]): (value: number) => string {
  if (values.length === 0) return integral;
  let [min, max, isIntegral] = [Number.POSITIVE_INFINITY, 0, true];
  for (const value of values) {
    min = Math.min(min, Math.abs(value));
    max = Math.max(max, Math.abs(value));
    isIntegral &&= Number.isInteger(value);
  }
  if (max / min > 1000 || max > 1e8 || (!isIntegral && min < 1e-4)) return scientific;
  return isIntegral ? integral : fixed;
}

function floatFormatter(values: readonly number[]): Formatter {
  // As in PyTorch, zeros, infinities and NaN count neither for the notation nor for the width.
  const counted = values.filter((value) => Number.isFinite(value) && value !== 0);
  const write = notation(counted);
  const width = counted.reduce((most, value) => Math.max(most, write(value).length), 1);
  const text = (value: number) => {
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    return write(value);
  };
  return { width, format: (i) => text(values[i]!).padStart(width) };
}

function plainFormatter(texts: readonly string[]): Formatter {
  const width = texts.reduce((most, text) => Math.max(most, text.length), 1);
  return { width, format: (i) => texts[i]!.padStart(width) };
}

/** `real+imagj`, from the pairs that a complex tensor is as a real one. */
function complexFormatter(pairs: readonly number[]): Formatter {
  const real = floatFormatter(pairs.filter((_, i) => i % 2 === 0));
  const imaginary = floatFormatter(pairs.filter((_, i) => i % 2 === 1));
  const format = (i: number) => {
    const tail = `${imaginary.format(i)}j`.trimStart();
    return `${real.format(i)}${/^[+-]/.test(tail) ? "" : "+"}${tail}`;
  };
  return { width: real.width + imaginary.width + 1, format };
}

function formatterOf(shown: Tensor): Formatter {
  const { dtype } = shown;
  if (isComplex(dtype)) return complexFormatter(viewAsReal(resolveConj(shown)).toArray());
  if (isFloatingPoint(dtype)) return floatFormatter(shown.toArray());
  if (dtype === "bool") return plainFormatter(shown.toArray().map((value) => (value === 0 ? "False" : "True")));
  return plainFormatter(Array.from(shown.toTypedArray() as BigInt64Array, String));
}

/** The elements that are shown: of long dimensions, the first and the last few. */
function edges(tensor: Tensor): Tensor {
  return tensor.shape.reduce<Tensor>((part, size, dim) => {
    if (size <= 2 * edgeItems) return part;
    const kept = Array.from({ length: 2 * edgeItems }, (_, i) => (i < edgeItems ? i : size - 2 * edgeItems + i));
    return part.index(...Array.from({ length: dim }, () => ":"), kept);
  }, tensor);
}

interface Layout {
  /** Of the elements that are shown. */
  readonly shape: readonly number[];
  /** Per dimension: whether its middle is left out. */
  readonly elided: readonly boolean[];
  readonly formatter: Formatter;
}

/** The text of the part that begins at element `at` in dimension `depth`. */
function render(layout: Layout, depth: number, at: number, indent: number): string {
  const { shape, elided, formatter } = layout;
  const length = shape[depth];
  if (length === undefined) return formatter.format(at);
  const stride = shape.slice(depth + 1).reduce((product, size) => product * size, 1);
  const parts = Array.from({ length }, (_, i) => render(layout, depth + 1, at + i * stride, indent + 1));
  const isVector = depth === shape.length - 1;
  if (elided[depth]) parts.splice(edgeItems, 0, isVector ? " ..." : "...");
  if (!isVector) return `[${parts.join(`,${"\n".repeat(shape.length - depth - 1)}${" ".repeat(indent + 1)}`)}]`;
  const perLine = Math.max(1, Math.floor((lineWidth - indent) / (formatter.width + 2)));
  const lines: string[] = [];
  for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(", "));
  return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
}

function body(tensor: Tensor, indent: number): string {
  if (tensor.numel === 0) return "[]";
  const summarize = tensor.numel > threshold;
  const shown = summarize ? edges(tensor.detach()) : tensor;
  const elided = tensor.shape.map((size) => summarize && size > 2 * edgeItems);
  return render({ shape: shown.shape, elided, formatter: formatterOf(shown) }, 0, 0, indent);
}

function suffixesOf(tensor: Tensor): string[] {
  const { shape, dtype, device, numel } = tensor;
  const suffixes: string[] = [];
  if (device !== "cpu") suffixes.push(`device='${device}'`);
  if (numel === 0 && shape.length !== 1) suffixes.push(`size=(${shape.join(", ")})`);
  const isImplied =
    dtype === "float32" || (numel > 0 && (dtype === "int64" || dtype === "bool" || dtype === "complex64"));
  if (!isImplied) suffixes.push(`dtype=torch.${dtype}`);
  const history = tensor.gradFn;
  if (history !== null) suffixes.push(`grad_fn=<${history}>`);
  else if (native.requiresGrad(tensor.handle)) suffixes.push("requires_grad=True");
  return suffixes;
}

/** The text of a tensor as Python's `print` shows it. */
export function formatTensor(tensor: Tensor): string {
  return scope(() => {
    const prefix = "tensor(";
    let text = prefix + body(tensor, prefix.length);
    // PyTorch counts the last line of the elements two characters longer than it is.
    let column = text.length - text.lastIndexOf("\n") + 1;
    for (const suffix of suffixesOf(tensor)) {
      if (column + suffix.length + 2 > lineWidth) {
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
