import { cat, type nn, noGrad, record, type Tensor, type Trace } from "@classifier-training/torch";
import { OnnxError } from "./errors.ts";
import type { SymbolValues } from "./graph/dims.ts";

/** What is exported: a module, or a function over tensors. */
export type Exportable = nn.AnyModule | ((...inputs: Tensor[]) => unknown);

/** One axis of one input whose size is chosen at run time. */
export interface DynamicAxis {
  readonly symbol: string;
  readonly input: number;
  readonly axis: number;
}

/** The forward pass as recorded, with the sizes of its inputs. */
interface Recording {
  readonly trace: Trace;
  readonly inputs: readonly Tensor[];
  /** The sizes of every tensor, by number. */
  readonly shapes: readonly (readonly number[])[];
}

/** The first recording, and for each symbol one in which only that symbol has another value. */
export interface Recordings {
  readonly base: Recording;
  readonly varied: readonly { readonly symbol: SymbolValues; readonly recording: Recording }[];
}

/**
 * Records the forward pass in eval mode without gradients: once as a base, and once more for each dynamic symbol, since
 * what a size depends on shows only when it changes. The module's training flags are put back.
 */
export function recordAll(target: Exportable, examples: readonly Tensor[], axes: readonly DynamicAxis[]): Recordings {
  const symbols = [...new Set(axes.map(({ symbol }) => symbol))];
  const sizes = new Map(symbols.map((symbol) => [symbol, baseSize(symbol, examples, axes)] as const));
  const inputsFor = (changed?: string) =>
    examples.map((example, input) => {
      let resized = example.detach();
      for (const { symbol, axis } of axes.filter((entry) => entry.input === input)) {
        const [first, second] = sizes.get(symbol) ?? [2, 3];
        resized = resize(resized, axis, symbol === changed ? second : first);
      }
      return resized;
    });
  return inEvalMode(target, () => {
    const base = recordOnce(target, inputsFor());
    const varied = symbols.map((symbol) => ({
      symbol: { symbol, values: sizes.get(symbol) ?? ([2, 3] as const) },
      recording: recordOnce(target, inputsFor(symbol)),
    }));
    for (const { symbol, recording } of varied) checkSameCalls(base, recording, symbol.symbol);
    return { base, varied };
  });
}

/** The batch is traced with 2 and 3 (1 would be a special case of broadcasting), other axes with their size and twice. */
function baseSize(
  symbol: string,
  examples: readonly Tensor[],
  axes: readonly DynamicAxis[],
): readonly [number, number] {
  const first = axes.find((entry) => entry.symbol === symbol);
  const size = examples[first?.input ?? 0]?.shape[first?.axis ?? 0] ?? 2;
  return first?.axis === 0 ? [2, 3] : [size, 2 * size];
}

/** The same values again and again along an axis, until it has the size. */
export function resize(tensor: Tensor, axis: number, size: number): Tensor {
  const have = tensor.shape[axis] ?? 1;
  if (have === size) return tensor;
  if (have > size) return tensor.narrow(axis, 0, size);
  const copies = new Array<Tensor>(Math.ceil(size / have)).fill(tensor);
  return cat(copies, axis).narrow(axis, 0, size);
}

function recordOnce(target: Exportable, inputs: readonly Tensor[]): Recording {
  const trace = noGrad(() => record(() => run(target, inputs)));
  const shapes = trace.tensors.map((tensor) => {
    if (!tensor.isDisposed) return [...tensor.shape];
    throw new OnnxError({
      code: "onnx/trace",
      what: "the forward pass frees tensors while it is recorded",
      fix: "use no scope(...) inside of forward",
    });
  });
  return { trace, inputs, shapes };
}

/** Calls a module with its hooks, or a function. */
export function run(target: Exportable, inputs: readonly Tensor[]): unknown {
  if (typeof target === "function") return target(...inputs);
  return (target as unknown as nn.Module<Tensor[], unknown>).call(...inputs);
}

/** Runs `fn` with the module in eval mode, and puts each sub-module's flag back. */
export function inEvalMode<T>(target: Exportable, fn: () => T): T {
  if (typeof target === "function") return fn();
  const flags = [...target.modules()].map((module) => [module, module.training] as const);
  target.eval();
  try {
    return fn();
  } finally {
    for (const [module, training] of flags) module.training = training;
  }
}

function checkSameCalls(base: Recording, other: Recording, symbol: string): void {
  const a = base.trace.calls;
  const b = other.trace.calls;
  const differs = a.findIndex((call, i) => call.op !== b[i]?.op || call.overload !== b[i]?.overload);
  if (differs < 0 && a.length === b.length) return;
  throw new OnnxError({
    code: "onnx/dynamic",
    what: `the forward pass calls other operators when ${symbol} changes (first at ${a[Math.max(0, differs)]?.op})`,
    fix: `let no branch of forward depend on ${symbol}, or leave it out of dynamicAxes`,
  });
}
