import {
  fused,
  isGradEnabled,
  isRecording,
  keep,
  nn,
  noGrad,
  scope,
  Tensor,
  unscoped,
} from "@classifier-training/torch";
import { OnnxError } from "../errors.ts";
import type { GraphNode, GraphTensor, OnnxGraph } from "./graph.ts";
import { layerPath, nodePath } from "./names.ts";
import { atNode, type NodePlace, NodeSetup, type Run } from "./operators/setup.ts";
import { findOperator } from "./operators/table.ts";
import { asTensor, constantValue, onDevice, tensorOf, type Value } from "./values.ts";

/** A node, or several that are computed at once, ready to run. */
interface Step {
  readonly node: GraphNode;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly run: Run;
}

/** Operators whose weights make a layer: what comes before the first of them prepares the image. */
const weighted: ReadonlySet<string> = new Set([
  "Conv",
  "ConvTranspose",
  "Gemm",
  "MatMul",
  "ConvInteger",
  "MatMulInteger",
]);

/**
 * A network that was read from a file, ready to be trained: convolutions, linear layers and normalizations are modules of this
 * project under the names that the file has for them, and its other float constants of more than one element are parameters.
 */
export class GraphModule extends nn.Module<Tensor[], Tensor> {
  /** The constants whose values are in the state dict. */
  readonly #trained = new Set<string>();
  readonly #graph: OnnxGraph;
  readonly #steps: readonly Step[];
  /** How many steps, and the caller, need a value. */
  readonly #uses = new Map<string, number>();
  readonly #constants = new Map<string, Value>();
  readonly #layers: nn.AnyModule[] = [];

  /**
   * @param graph as `simplifyGraph` makes it
   * @param where names the file in errors
   * @throws OnnxError `onnx/unsupported` listing the operators that cannot be read, with their nodes
   */
  constructor(graph: OnnxGraph, where = "the model") {
    super();
    this.#graph = graph;
    refuseUnknown(graph, where);
    this.#steps = unscoped(() => noGrad(() => this.#prepare(where)));
    for (const { inputs } of this.#steps) for (const name of inputs) this.#count(name);
    for (const { name } of graph.outputs) this.#count(name);
  }

  get graph(): OnnxGraph {
    return this.#graph;
  }

  /** Names of the constants of the graph that are parameters or statistics now: the state dict has their values. */
  get trainedConstants(): ReadonlySet<string> {
    return this.#trained;
  }

  #count(name: string): void {
    this.#uses.set(name, (this.#uses.get(name) ?? 0) + 1);
  }

  /** @param inputs in the order of the file @returns the first output */
  override forward(...inputs: Tensor[]): Tensor {
    const [first] = this.outputsOf(...inputs);
    return first as Tensor;
  }

  /** All outputs, in the order of the file. */
  outputsOf(...inputs: Tensor[]): Tensor[] {
    const [image] = inputs;
    if (inputs.length !== this.#graph.inputs.length || image === undefined) {
      const names = this.#graph.inputs.map(({ name }) => name).join(", ");
      throw new OnnxError({ code: "onnx/inputs", what: `expected the inputs ${names}; received ${inputs.length}` });
    }
    return onDevice(image.device, () => this.#run(inputs));
  }

  #run(inputs: readonly Tensor[]): Tensor[] {
    const values = new Map<string, Value>(this.#constants);
    for (const [i, { name }] of this.#graph.inputs.entries()) values.set(name, inputs[i] as Tensor);
    // With gradients the tape holds what it needs anyway, and hooks may hold what they have seen.
    const frees = !isGradEnabled() && !isRecording() && !this.#layers.some((layer) => layer.hasForwardHooks);
    const memory = frees ? new Memory(this.#uses, new Set([...inputs, ...this.#constants.values()])) : undefined;
    for (const { inputs: names, outputs, run, node } of this.#steps) {
      const given = names.map((name) => (name === "" ? undefined : values.get(name)));
      const result = atNode(node, () => run(...given));
      const made =
        result instanceof Tensor || !Array.isArray(result) ? [result as Value] : (result as readonly Value[]);
      for (const [i, name] of outputs.entries()) {
        if (name === "" || made[i] === undefined) continue;
        values.set(name, made[i] as Value);
        memory?.made(name, made[i] as Value);
      }
      for (const [i, name] of names.entries()) memory?.used(name, given[i]);
    }
    return this.#graph.outputs.map(({ name }) => asTensor(values.get(name) as Value));
  }

  #prepare(where: string): Step[] {
    const { nodes, initializers, opset, outputs } = this.#graph;
    const users = usersOf(this.#graph);
    const raw = preprocessingNodes(this.#graph);
    const parameters = new Map<string, nn.Parameter>();
    const layers = new Map<GraphNode, nn.AnyModule>();
    const parameter = (name: string, change?: (tensor: Tensor) => Tensor) => {
      const key = change === undefined ? name : `${name} ${change}`;
      const known = parameters.get(key);
      if (known !== undefined) return known;
      const tensor = scope(() => {
        const stored = tensorOf(initializers.get(name) as GraphTensor);
        return keep(change === undefined ? stored : change(stored).clone());
      });
      const made = new nn.Parameter(tensor);
      parameters.set(key, made);
      this.#trained.add(name);
      return made;
    };
    const place: NodePlace = {
      opset,
      where,
      constant: (name) => initializers.get(name),
      layer: (node, weight, make) => {
        const layer = this.#layer(layerPath(node, weight), make());
        layers.set(node, layer);
        return layer;
      },
      parameter,
      fill: (buffer, name) => {
        buffer.copy_(tensorOf(initializers.get(name) as GraphTensor));
        this.#trained.add(name);
      },
      register: (node, name) => {
        const isNew = !parameters.has(name);
        const made = parameter(name);
        if (isNew) this.#parameter(/^[A-Za-z_][\w.]*$/.test(name) ? name : `${nodePath(node)}.weight`, made);
        return made;
      },
      isPreprocessing: (node) => raw.has(node),
    };
    const isOutput = new Set(outputs.map(({ name }) => name));
    const only = (name: string) =>
      isOutput.has(name) || users.get(name)?.length !== 1 ? undefined : users.get(name)?.[0];
    const done = new Set<GraphNode>();
    const steps: Step[] = [];
    for (const node of nodes) {
      if (done.has(node)) continue;
      const next = only(node.outputs[0] ?? "");
      const bias = node.op === "MatMul" && next?.op === "Add" ? biasOf(node, next, this.#graph) : undefined;
      const run = atNode(node, () => findOperator(node.op)?.(new NodeSetup(node, place, bias)) as Run);
      if (bias !== undefined && next !== undefined) done.add(next);
      const last = bias !== undefined && next !== undefined ? next : node;
      steps.push({ node, inputs: node.inputs, outputs: last.outputs, run });
    }
    for (const name of new Set(steps.flatMap(({ inputs }) => inputs))) {
      const constant = initializers.get(name);
      if (constant !== undefined && !this.#trained.has(name)) this.#constants.set(name, this.#constant(constant));
    }
    return withFusedNorms(steps, layers, users, isOutput);
  }

  /** Large constants move with the module, and are not in its state. */
  #constant(constant: GraphTensor): Value {
    const value = constantValue(constant);
    if (value instanceof Tensor) this.registerBuffer(`constant_${this.#constants.size}`, value, { persistent: false });
    return value;
  }

  #layer<Layer extends nn.AnyModule>(path: string, layer: Layer): Layer {
    const { parent, name } = this.#home(path);
    parent.addModule(name, layer);
    this.#layers.push(layer);
    return layer;
  }

  #parameter(path: string, parameter: nn.Parameter): void {
    const { parent, name } = this.#home(path);
    parent.registerParameter(name, parameter);
  }

  /** The module that is to have a part, and a name that is free there. */
  #home(path: string): { parent: nn.AnyModule; name: string } {
    const pieces = path.split(".").filter((piece) => piece !== "");
    let parent: nn.AnyModule = this as unknown as nn.AnyModule;
    for (const piece of pieces.slice(0, -1)) {
      const children = new Map(parent.namedChildren());
      let name = piece;
      while (name in parent && !isFolder(children.get(name))) name += "_";
      const child = children.get(name) ?? new nn.Module();
      if (!children.has(name)) parent.addModule(name, child as nn.AnyModule);
      parent = child as nn.AnyModule;
    }
    let name = pieces.at(-1) ?? "layer";
    for (let i = 1; name in parent; i++) name = `${pieces.at(-1) ?? "layer"}_${i}`;
    return { parent, name };
  }
}

/** A module that only holds others. */
const isFolder = (module: nn.AnyModule | undefined) => module?.constructor === nn.Module;

/** Frees values after their last use; nodes that pass a tensor on have it under several names. */
class Memory {
  readonly #left = new Map<Value, number>();
  readonly #uses: ReadonlyMap<string, number>;
  readonly #foreign: ReadonlySet<Value>;

  constructor(uses: ReadonlyMap<string, number>, foreign: ReadonlySet<Value>) {
    this.#uses = uses;
    this.#foreign = foreign;
  }

  made(name: string, value: Value): void {
    this.#left.set(value, (this.#left.get(value) ?? 0) + (this.#uses.get(name) ?? 0));
  }

  used(name: string, value: Value | undefined): void {
    if (name === "" || value === undefined || this.#foreign.has(value)) return;
    const left = (this.#left.get(value) ?? 0) - 1;
    this.#left.set(value, left);
    if (left === 0 && value instanceof Tensor) value.dispose();
  }
}

function usersOf({ nodes }: OnnxGraph): ReadonlyMap<string, readonly GraphNode[]> {
  const users = new Map<string, GraphNode[]>();
  for (const node of nodes) for (const name of node.inputs) users.set(name, [...(users.get(name) ?? []), node]);
  return users;
}

/** Nodes between the image and the first layer with weights. */
function preprocessingNodes({ nodes, inputs, initializers }: OnnxGraph): ReadonlySet<GraphNode> {
  const raw = new Set([...inputs.map(({ name }) => name), "", ...initializers.keys()]);
  const found = new Set<GraphNode>();
  for (const node of nodes) {
    if (weighted.has(node.op) || !node.inputs.every((name) => raw.has(name))) continue;
    found.add(node);
    for (const name of node.outputs) raw.add(name);
  }
  return found;
}

/** The bias that an addition adds to a product with a constant matrix: one number for each column. */
function biasOf(product: GraphNode, addition: GraphNode, { initializers }: OnnxGraph): string | undefined {
  const matrix = initializers.get(product.inputs[1] ?? "");
  const other = addition.inputs.find((name) => name !== product.outputs[0]) ?? "";
  const row = initializers.get(other);
  const fits = matrix?.shape.length === 2 && row?.shape.length === 1 && row.shape[0] === matrix.shape[1];
  return fits && row?.dtype.startsWith("float") ? other : undefined;
}

/** Batch normalization, then ReLU: in one pass over memory where the engine has a kernel for it. */
function withFusedNorms(
  steps: readonly Step[],
  layers: ReadonlyMap<GraphNode, nn.AnyModule>,
  users: ReadonlyMap<string, readonly GraphNode[]>,
  isOutput: ReadonlySet<string>,
): Step[] {
  const skipped = new Set<GraphNode>();
  return steps.flatMap((step) => {
    if (skipped.has(step.node)) return [];
    const norm = layers.get(step.node);
    const [output = ""] = step.outputs;
    const [next, ...others] = users.get(output) ?? [];
    const isFusable =
      norm instanceof nn.BatchNorm2d && next?.op === "Relu" && others.length === 0 && !isOutput.has(output);
    if (!isFusable) return [step];
    skipped.add(next);
    const run: Run = (value) => {
      const x = asTensor(value as Value);
      // A recorder and hooks want to see the layer itself.
      if (isRecording() || norm.hasForwardHooks || x.ndim !== 4) return nn.functional.relu(norm.call(x));
      return fused.batchNormAct(x, norm);
    };
    return [{ ...step, outputs: next.outputs, run }];
  });
}

function refuseUnknown({ nodes }: OnnxGraph, where: string): void {
  const unknown = nodes.filter(({ op }) => findOperator(op) === undefined);
  if (unknown.length === 0) return;
  const byOp = new Map<string, string[]>();
  for (const { op, name } of unknown) byOp.set(op, [...(byOp.get(op) ?? []), name]);
  const listed = [...byOp].map(
    ([op, names]) => `${op} (node '${names[0]}'${names.length > 1 ? ` and ${names.length - 1} more` : ""})`,
  );
  throw new OnnxError({
    code: "onnx/unsupported",
    what: `the model has operators that cannot be read: ${listed.join(", ")}`,
    where,
    fix: "export the network without them, or cut it before them with model.head=NODE",
  });
}
