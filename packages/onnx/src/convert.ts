import type { TracedCall, TracedValue } from "@classifier-training/torch";
import type { GraphBuilder, Value } from "./graph/builder.ts";
import { isDynamic } from "./graph/dims.ts";
import { OpCall } from "./ops/call.ts";
import { findConverter } from "./ops/table.ts";
import type { TracedValues } from "./tracing-values.ts";

/** Operators that look constant, because no tensor goes in, but give other numbers each time. */
const random = /^aten::(rand|randn|randint|randperm|bernoulli|normal|uniform|multinomial|poisson)(_like)?_?$/;

/** Translates one recorded call into nodes, and defines its results. */
export function convertCall(
  call: TracedCall,
  index: number,
  module: string,
  graph: GraphBuilder,
  values: TracedValues,
): void {
  const results = call.outputs.map((id, i) => values.dims(id, values.othersOf(index, i)));
  const mutates = call.outputs.some((id) => values.isMutated(id));
  const isConstant = call.inputs.every((id) => values.isConstant(id));
  const opCall = () => {
    const args = new Map(call.arguments.map(({ name, value }) => [name, argument(value, values)] as const));
    const op = { name: call.op, overload: call.overload, module };
    return new OpCall(
      op,
      args,
      results.map((shape, i) => ({ shape, dtype: values.dtype(call.outputs[i] as number) })),
    );
  };
  if (isConstant && random.test(call.op)) throw opCall().unsupported("it is random");
  // what depends on no input is computed now: its results are constants of the model
  if (isConstant && !mutates && !results.some((shape) => shape.some(isDynamic))) return;

  const converter = findConverter(call.op);
  const described = opCall();
  if (converter === undefined) throw described.unsupported("it has no converter");
  graph.enter(module);
  const names = converter(described, graph);
  const list = typeof names === "string" ? [names] : names;
  for (const [i, id] of call.outputs.entries()) {
    const name = list[i];
    if (name === undefined || name === "") continue;
    values.define(id, { name, shape: results[i] ?? [], dtype: described.results[i]?.dtype ?? "float32" });
  }
}

function argument(traced: TracedValue, values: TracedValues): unknown {
  if ("tensor" in traced) return values.value(traced.tensor) satisfies Value;
  if ("list" in traced) return traced.list.map((element) => argument(element, values));
  return traced.value ?? undefined;
}
