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
export function dimFromTraces(first: number, second: number, symbol: SymbolValues): Dim {
  const dim = proportional(first, second, symbol);
  if (dim !== undefined) return dim;
  const { symbol: name, values } = symbol;
  throw new OnnxError({
    code: "onnx/dynamic",
    what: `a size of ${first} for ${name}=${values[0]} and ${second} for ${name}=${values[1]} is not a multiple of ${name}`,
    fix: `leave ${name} out of dynamicAxes, or keep that computation independent of it`,
  });
}

function proportional(first: number, second: number, { symbol, values }: SymbolValues): Dim | undefined {
  if (first === second) return first;
  if (!(first > 0) || first * values[1] !== second * values[0]) return undefined;
  const common = greatestCommonDivisor(first, values[0]);
  return { symbol, factor: first / common, divisor: values[0] / common };
}

/** A plain argument of a call that follows a symbol, as in `x.div(x.shape[0])`. */
export class Varying {
  readonly symbol: string;
  /** It as a multiple of the symbol, if it is one. */
  readonly dim: Dim | undefined;

  constructor(symbol: SymbolValues, first: unknown, second: unknown) {
    this.symbol = symbol.symbol;
    const isCount = Number.isInteger(first) && Number.isInteger(second);
    this.dim = isCount ? proportional(first as number, second as number, symbol) : undefined;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
