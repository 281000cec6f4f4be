import { OnnxError } from "../errors.ts";

/** A dimension that the caller chooses at run time: the symbol's value times `factor`, divided by `divisor`. */
export interface DynamicDim {
  readonly symbol: string;
  readonly factor: number;
  readonly divisor: number;
}

export type Dim = number | DynamicDim;

/** A symbol with its value in the first and in the second trace. */
export interface SymbolValues {
  readonly symbol: string;
  readonly values: readonly [number, number];
}

export function isDynamic(dim: Dim): dim is DynamicDim {
  return typeof dim !== "number";
}

/** `8`, `batch`, `2*batch`, `height/4`. */
export function dimText(dim: Dim): string {
  if (typeof dim === "number") return String(dim);
  const { symbol, factor, divisor } = dim;
  return `${factor === 1 ? "" : `${factor}*`}${symbol}${divisor === 1 ? "" : `/${divisor}`}`;
}

/**
 * A size that two traces with different values of one symbol saw: what does not change is a number, and what grows in
 * proportion to the symbol is a multiple or a fraction of it.
 * @throws OnnxError `onnx/dynamic` when it depends on the symbol in another way.
 */
export function dimFromTraces(first: number, second: number, { symbol, values }: SymbolValues): Dim {
  if (first === second) return first;
  if (first > 0 && first * values[1] === second * values[0]) {
    const common = greatestCommonDivisor(first, values[0]);
    return { symbol, factor: first / common, divisor: values[0] / common };
  }
  throw new OnnxError({
    code: "onnx/dynamic",
    what: `a size of ${first} for ${symbol}=${values[0]} and ${second} for ${symbol}=${values[1]} is no multiple of ${symbol}`,
    fix: `leave ${symbol} out of dynamicAxes, or keep that computation independent of it`,
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
