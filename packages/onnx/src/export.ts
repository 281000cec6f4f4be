import { create, toBinary } from "@bufbuild/protobuf";
import { writeFileAtomic } from "@classifier-training/base";
import { type DType, scope, Tensor } from "@classifier-training/torch";
import { convertCall, refuseReads } from "./convert.ts";
import { OnnxError } from "./errors.ts";
import { GraphBuilder, type SymbolSource } from "./graph/builder.ts";
import { type Dim, dimText, isDynamic } from "./graph/dims.ts";
import { moduleSpans } from "./module-spans.ts";
import { makeNode, makeValueInfo } from "./proto/build.ts";
import { type ModelProto, ModelProtoSchema } from "./proto/onnx.generated.ts";
import { type DynamicAxis, type Exportable, type Recordings, recordAll } from "./trace.ts";
import { TracedValues } from "./tracing-values.ts";

/** Names for axes whose size is chosen at run time: `{ input: { 0: "batch" } }`. */
export type DynamicAxes = Readonly<Record<string, Readonly<Record<number, string>>>>;

export interface ExportOptions {
  /** Where to write the model; without it only the bytes are returned. */
  readonly path?: string | undefined;
  /** Version of ONNX's operator set; 17 is the only one. */
  readonly opset?: 17 | undefined;
  /** Default: `input`, or `input0`, `input1` and so on. */
  readonly inputNames?: readonly string[] | undefined;
  /** Default: `output`, or `output0`, `output1` and so on. */
  readonly outputNames?: readonly string[] | undefined;
  /** Default: the first axis of every input is `batch`. Outputs follow from the inputs. */
  readonly dynamicAxes?: DynamicAxes | undefined;
  /** Written into the model's metadata, which ONNX Runtime shows to the program that loads it. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly docString?: string | undefined;
  readonly graphName?: string | undefined;
}

/** An input or output of an exported model. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes; a text is the name of a dynamic one. */
  readonly shape: readonly (number | string)[];
}

export interface ExportedModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** How often each ONNX operator occurs. */
  readonly operators: ReadonlyMap<string, number>;
}

/** ONNX IR version that belongs to opset 17 (ONNX 1.12). */
const irVersion = 8n;
const maximumBytes = 2 ** 31 - 1;

/**
 * Exports a forward pass as an ONNX model: records it (in eval mode, for two sizes of each dynamic axis) and translates
 * operator by operator. Parameters keep their names.
 * @param target A module, or a function from tensors to a tensor, a list or a plain object of them.
 * @param examples Inputs of the right shape and dtype; their values do not matter.
 * @throws OnnxError `onnx/unsupported` naming the operator and the module, `onnx/dynamic` for a size that does not follow
 * its axis.
 */
export function exportOnnx(
  target: Exportable,
  examples: Tensor | readonly Tensor[],
  options: ExportOptions = {},
): ExportedModel {
  const list = examples instanceof Tensor ? [examples] : examples;
  const inputNames = checkedNames("input", options.inputNames, list.length);
  const axes = axesOf(inputNames, list, options);
  const { model, inputs, outputs } = scope(() => {
    const modules = moduleSpans(target);
    try {
      return build(target, recordAll(target, list, axes), inputNames, axes, options, modules.pathAt);
    } finally {
      modules.remove();
    }
  });
  const bytes = toBinary(ModelProtoSchema, model);
  if (bytes.length > maximumBytes) {
    throw new OnnxError({ code: "onnx/size", what: "the model is larger than the 2 GB that one ONNX file can hold" });
  }
  if (options.path !== undefined) writeFileAtomic(options.path, bytes);
  const operators = new Map<string, number>();
  for (const { opType } of model.graph?.node ?? []) operators.set(opType, (operators.get(opType) ?? 0) + 1);
  return { bytes, inputs, outputs, operators };
}

function build(
  target: Exportable,
  recordings: Recordings,
  inputNames: readonly string[],
  axes: readonly DynamicAxis[],
  options: ExportOptions,
  moduleAt: (call: number) => string,
): { model: ModelProto; inputs: Port[]; outputs: Port[] } {
  const { base } = recordings;
  const results = resultsOf(base.trace.result);
  const outputNames = checkedNames("output", options.outputNames ?? results.names, results.tensors.length, inputNames);
  const parameters = parameterNames(target, new Set([...inputNames, ...outputNames]));
  const symbols = new Map<string, SymbolSource>();
  for (const { symbol, input, axis } of axes) {
    if (!symbols.has(symbol)) symbols.set(symbol, { input: inputNames[input] ?? "", axis });
  }
  const graph = new GraphBuilder(symbols, [...inputNames, ...outputNames, ...parameters.values()]);
  const values = new TracedValues(graph, recordings, parameters);

  const inputs = base.inputs.map((tensor, i): Port & { dims: Dim[] } => {
    const dims = tensor.shape.map((size, axis): Dim => {
      const dynamic = axes.find((entry) => entry.input === i && entry.axis === axis);
      return dynamic === undefined ? size : { symbol: dynamic.symbol, factor: 1, divisor: 1 };
    });
    const name = inputNames[i] ?? "";
    const id = base.trace.idOf(tensor);
    if (id !== undefined) values.define(id, { name, shape: dims, dtype: tensor.dtype });
    return { name, dtype: tensor.dtype, shape: dims.map(portSize), dims };
  });
  for (const [i, call] of base.trace.calls.entries()) convertCall(call, i, moduleAt(i), graph, values);
  refuseReads(base.trace.reads, moduleAt, values);

  graph.enter("");
  const outputs = results.tensors.map((tensor, i): Port => {
    const name = outputNames[i] ?? "";
    const id = base.trace.idOf(tensor);
    if (id === undefined)
      throw new OnnxError({
        code: "onnx/trace",
        what: `output '${name}' is not a tensor of the recorded forward pass`,
      });
    const value = values.value(id);
    graph.nodes.push(makeNode("Identity", [value.name], [name], {}, graph.uniqueName(`${name}/Identity`)));
    return { name, dtype: value.dtype, shape: value.shape.map(portSize) };
  });
  const model = create(ModelProtoSchema, {
    irVersion,
    producerName: "classifier-training",
    opsetImport: [{ domain: "", version: 17n }],
    docString: options.docString ?? "",
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: options.graphName ?? "model",
      node: mergeOutputs(graph.nodes, new Set([...inputNames, ...graph.initializers.keys()])),
      initializer: [...graph.initializers.values()],
      input: inputs.map(({ name, dtype, shape }) => makeValueInfo(name, dtype, shape)),
      output: outputs.map(({ name, dtype, shape }) => makeValueInfo(name, dtype, shape)),
    },
  });
  return { model, inputs: inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape })), outputs };
}

/** Gives a result its output name at the node that makes it, where an Identity would only rename it. */
function mergeOutputs(nodes: GraphBuilder["nodes"], fixed: ReadonlySet<string>): GraphBuilder["nodes"] {
  const renamed = new Map<string, string>();
  const kept = nodes.filter((node) => {
    const [from = "", to = ""] = [node.input[0], node.output[0]];
    if (node.opType !== "Identity" || fixed.has(from) || renamed.has(from)) return true;
    renamed.set(from, to);
    return false;
  });
  for (const node of kept) {
    node.input = node.input.map((name) => renamed.get(name) ?? name);
    node.output = node.output.map((name) => renamed.get(name) ?? name);
  }
  return kept;
}

function portSize(dim: Dim): number | string {
  return isDynamic(dim) ? dimText(dim) : dim;
}

/** Parameters under their names in the state dict; `_parameter` is added where an input or output has the name. */
function parameterNames(target: Exportable, ports: ReadonlySet<string>): Map<Tensor, string> {
  if (typeof target === "function") return new Map();
  const named = [...target.namedParameters(), ...target.namedBuffers()];
  return new Map(
    named.map(([name, tensor]) => [tensor as Tensor, ports.has(name) ? `${name}_parameter` : name] as const),
  );
}

function resultsOf(result: unknown): { tensors: Tensor[]; names: string[] | undefined } {
  if (result instanceof Tensor) return { tensors: [result], names: undefined };
  if (Array.isArray(result) && result.every((part) => part instanceof Tensor))
    return { tensors: result, names: undefined };
  const entries = typeof result === "object" && result !== null ? Object.entries(result) : [];
  if (entries.length > 0 && entries.every(([, part]) => part instanceof Tensor)) {
    return { tensors: entries.map(([, part]) => part as Tensor), names: entries.map(([name]) => name) };
  }
  throw new OnnxError({
    code: "onnx/trace",
    what: "the model returns neither a tensor nor a list or plain object of tensors",
  });
}

function checkedNames(
  kind: string,
  given: readonly string[] | undefined,
  count: number,
  taken: readonly string[] = [],
): string[] {
  const names = given ?? Array.from({ length: count }, (_, i) => (count === 1 ? kind : `${kind}${i}`));
  const used = names.find((name) => taken.includes(name));
  if (used !== undefined) {
    throw new OnnxError({
      code: "onnx/names",
      what: `'${used}' names an input and an output`,
      fix: "give other outputNames",
    });
  }
  if (names.length === count && new Set(names).size === count && !names.includes("")) return [...names];
  throw new OnnxError({
    code: "onnx/names",
    what: `expected ${count} different ${kind} names, received ${JSON.stringify(names)}`,
  });
}

function axesOf(names: readonly string[], examples: readonly Tensor[], { dynamicAxes }: ExportOptions): DynamicAxis[] {
  if (dynamicAxes === undefined) return names.map((_, input) => ({ symbol: "batch", input, axis: 0 }));
  return names.flatMap((name, input) =>
    Object.entries(dynamicAxes[name] ?? {}).map(([axis, symbol]) => {
      if (Number(axis) < (examples[input]?.ndim ?? 0)) return { symbol, input, axis: Number(axis) };
      throw new OnnxError({ code: "onnx/dynamic", what: `input '${name}' has no axis ${axis}` });
    }),
  );
}
