import type { TracedCall } from "@classifier-training/torch";
import { OnnxError } from "./errors.ts";
import type { GraphBuilder } from "./graph/builder.ts";
import { isDynamic } from "./graph/dims.ts";
import { OpCall } from "./ops/call.ts";
import { findConverter } from "./ops/table.ts";
import { writeThrough } from "./ops/views.ts";
import type { TracedValues } from "./tracing-values.ts";

/** Operators that look constant, because no tensor goes in, but give other numbers each time. */
const random = /^aten::(rand|randn|randint|randperm|bernoulli|normal|uniform|multinomial|poisson)(_like)?_?$/;

/** Arguments that say where and how a tensor lies in memory, or which kernel computes it: never what its values are. */
const valueless = new Set(
  [
    "dtype layout device pin_memory non_blocking copy memory_format generator",
    "cudnn_enabled cudnn_enable benchmark deterministic allow_tf32 sparse scale_grad_by_freq stable",
  ].flatMap((names) => names.split(" ")),
);

/** Translates one recorded call into nodes, and defines its results. */
export function convertCall(
  call: TracedCall,
  index: number,
  module: string,
  graph: GraphBuilder,
  values: TracedValues,
): void {
  const results = call.outputs.map((id) => ({ shape: values.dims(id), dtype: values.dtype(id) }));
  const mutates = call.outputs.some((id) => values.isMutated(id));
  const isConstant = call.inputs.every((id) => values.isConstant(id));
  const describe = () => {
    const args = call.arguments.map(
      ({ name, value }, i) => [name, values.argument(value, values.othersOf(index, i))] as const,
    );
    return new OpCall({ name: call.op, overload: call.overload, module }, new Map(args), results);
  };
  if (isConstant && random.test(call.op)) throw describe().unsupported("it is random");
  // what depends on no input is computed now: its results are constants of the model
  if (isConstant && !mutates && !results.some(({ shape }) => shape.some(isDynamic))) return;

  const converter = findConverter(call.op);
  const convert = () => {
    const described = describe();
    if (converter === undefined) throw described.unsupported("it has no converter");
    graph.enter(module);
    const names = converter(described, graph);
    refuseUnread(call, described);
    return { described, names: typeof names === "string" ? [names] : names };
  };
  const resultValue = (names: readonly string[], i: number) => ({
    name: names[i] ?? "",
    shape: results[i]?.shape ?? [],
    dtype: results[i]?.dtype ?? "float32",
  });
  const { described, names } = convert();
  for (const [i, id] of call.outputs.entries()) {
    const value = resultValue(names, i);
    if (value.name === "") continue;
    const base = values.isMutated(id) ? values.viewedBy(call, id) : undefined;
    if (call.inputs.includes(id)) values.redefine(id, value);
    else if (base === undefined) values.define(id, value);
    else {
      values.define(id, value, {
        base,
        derive: () => resultValue(convert().names, i),
        writeBack: (whole, part) => writeThrough(described, i, whole, part, graph),
      });
    }
  }
}

/** An argument that differs from its default and that no one looked at would be lost in silence. */
function refuseUnread(call: TracedCall, described: OpCall): void {
  const lost = call.arguments.find(({ name, isGiven, hasDefault }) => {
    return hasDefault && isGiven && !described.isRead(name) && !valueless.has(name);
  });
  if (lost !== undefined) throw described.unsupported(`its argument '${lost.name}' has no translation`);
}

/** @throws OnnxError when forward reads the elements of a tensor that depends on the input: they would be baked in */
export function refuseReads(
  reads: readonly { readonly tensor: number; readonly call: number }[],
  moduleAt: (call: number) => string,
  values: TracedValues,
): void {
  const read = reads.find(({ tensor }) => !values.isConstant(tensor));
  if (read === undefined) return;
  const module = moduleAt(read.call);
  throw new OnnxError({
    code: "onnx/unsupported",
    what: "forward reads values that depend on the input (`item()`, `toArray()` or the like), which would become constants",
    where: module === "" ? "the model's own forward" : `module '${module}'`,
    fix: "compute with tensors, e.g. x.mul(scale) instead of x.mul(scale.item())",
  });
}
