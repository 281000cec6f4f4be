import { TensorflowError } from "../errors.ts";
import { GraphBuilder, type Value } from "../graph/builder.ts";
import { batch, type Dim } from "../graph/dims.ts";
import { NodeAttributes, operators } from "./graph-operators.ts";
import type { JsonObject } from "./json.ts";
import type { Weight } from "./weights.ts";

interface Node {
  readonly name: string;
  readonly op: string;
  /** Outputs of nodes: `name` or `name:1`. */
  readonly inputs: readonly string[];
  readonly attributes: NodeAttributes;
}

const control = new Set(["Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond", "If", "StatelessIf"]);
for (const loop of ["While", "StatelessWhile", "PartitionedCall", "StatefulPartitionedCall"]) control.add(loop);

/** Builds the network of a graph model: a TensorFlow GraphDef as JSON, constants in the weights. */
export function buildGraphModel(
  model: JsonObject,
  weights: ReadonlyMap<string, Weight>,
  file: string,
): { readonly builder: GraphBuilder; readonly image: Value; readonly outputs: readonly Value[] } {
  const nodes = new Map(
    model
      .object("modelTopology")
      .objects("node")
      .map((node): [string, Node] => {
        const [name, op] = [node.text("name"), node.text("op")];
        // Names with ^ say only what comes first.
        const inputs = node.texts("input").filter((input) => !input.startsWith("^"));
        return [name, { name, op, inputs, attributes: new NodeAttributes(node) }];
      }),
  );
  const b = new GraphBuilder(file, 1);
  const values = new Map<string, readonly Value[]>();
  let image: Value | undefined;
  const apply = (node: Node): readonly Value[] => {
    b.at(node.name, node.op);
    if (node.op === "Const") return [constant(b, node, weights)];
    if (node.op === "Placeholder") {
      if (image !== undefined) throw b.error("a second input: networks of one image are read");
      image = placeholder(b, node);
      return [image];
    }
    const translate = Object.hasOwn(operators, node.op) ? operators[node.op] : undefined;
    if (translate === undefined) {
      throw b.error(
        `unsupported operator ${node.op}`,
        "see the list of operators in the README of @classifier-training/tensorflow",
      );
    }
    const input = (index: number): Value => {
      const value = outputOf(values, node.inputs[index] ?? "");
      if (value === undefined) throw b.error(`input ${index} is missing`);
      return value;
    };
    const result = translate({
      b,
      inputs: node.inputs.length,
      input,
      integers: (index) => b.numbers(input(index), `input ${index}`),
      attributes: node.attributes,
    });
    return [result].flat();
  };
  const names = outputNames(model, nodes);
  for (const node of inOrder(nodes, names, file)) values.set(node.name, apply(node));
  b.at("", "");
  if (image === undefined) throw b.error("the network has no input (Placeholder)");
  const outputs = names.map((name) => outputOf(values, name) as Value);
  if (outputs.length === 0 || outputs.includes(undefined as never)) throw b.error("the network has no output");
  return { builder: b, image, outputs };
}

function outputOf(values: ReadonlyMap<string, readonly Value[]>, reference: string): Value | undefined {
  const [name, index] = splitReference(reference);
  return values.get(name)?.[index];
}

/** `name:1` is output 1 of a node. */
function splitReference(reference: string): [string, number] {
  const match = /^(.*):(\d+)$/.exec(reference);
  return match === null ? [reference, 0] : [match[1] as string, Number(match[2])];
}

function constant(b: GraphBuilder, { name }: Node, weights: ReadonlyMap<string, Weight>): Value {
  const weight = weights.get(name);
  if (weight === undefined) throw b.error(`the weights have no '${name}'`);
  return b.constant(name, weight.dtype, weight.shape, weight.read());
}

function placeholder(b: GraphBuilder, { name, attributes }: Node): Value {
  const shape = attributes.shape("shape");
  if (shape === undefined || shape.length !== 4 || !["DT_FLOAT", "DT_INT32"].includes(attributes.type("dtype"))) {
    throw b.error(`expected an input of images [N, height, width, channels], received [${shape ?? "?"}]`);
  }
  const dims = shape.map((size, axis): Dim => (axis === 0 ? batch : size > 0 ? size : "unknown"));
  return b.input(name, "float32", dims, true);
}

/** The outputs of the signature, or the nodes that no other reads. */
function outputNames(model: JsonObject, nodes: ReadonlyMap<string, Node>): string[] {
  const signature = model.optional("signature") ?? model.optional("userDefinedMetadata")?.optional("signature");
  const outputs = signature?.optional("outputs");
  if (outputs !== undefined) {
    const names = outputs.keys().map((key) => outputs.object(key).text("name", key));
    if (names.length > 0) return names;
  }
  const read = new Set([...nodes.values()].flatMap(({ inputs }) => inputs.map((input) => splitReference(input)[0])));
  return [...nodes.keys()].filter((name) => !read.has(name) && nodes.get(name)?.op !== "NoOp");
}

/** The nodes that the outputs need, each after its inputs. */
function inOrder(nodes: ReadonlyMap<string, Node>, outputs: readonly string[], file: string): Node[] {
  const order: Node[] = [];
  const state = new Map<string, "open" | "done">();
  const stack = outputs.map((name) => splitReference(name)[0]).reverse();
  while (stack.length > 0) {
    const name = stack.at(-1) as string;
    const node = nodes.get(name);
    if (node === undefined) throw damaged(`the graph has no node '${name}'`, file);
    if (control.has(node.op)) throw damaged(`control flow is not supported: ${node.op} '${name}'`, file);
    if (state.get(name) !== undefined) {
      stack.pop();
      if (state.get(name) === "open") order.push(node);
      state.set(name, "done");
      continue;
    }
    state.set(name, "open");
    for (const input of node.inputs) {
      const [from] = splitReference(input);
      if (state.get(from) === "open") throw damaged(`the graph has a cycle at '${from}'`, file);
      if (state.get(from) === undefined) stack.push(from);
    }
  }
  return order;
}

function damaged(what: string, where: string): TensorflowError {
  return new TensorflowError({ code: "tensorflow/unsupported", what, where });
}
