import { type nn, ops, type Tensor } from "@classifier-training/torch";
import { OnnxError } from "../../errors.ts";
import type { GraphAttribute, GraphNode, GraphTensor } from "../graph.ts";
import { asTensor, type Value } from "../values.ts";

/** Computes a node's outputs of its inputs; an input that is left out is undefined. */
export type Run = (...inputs: (Value | undefined)[]) => Value | readonly Value[];

/** Prepares a node once: reads its attributes, makes its layers. The result runs it at each forward pass. */
export type Operator = (setup: NodeSetup) => Run;
export type OperatorTable = Readonly<Record<string, Operator>>;

const operators: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = ops.aten;

/** Any operator of LibTorch that returns a tensor; those that return several return a list. */
export function aten(name: string, ...args: readonly unknown[]): Tensor {
  return operators[name]?.(...args) as Tensor;
}

/** What LibTorch refuses is said with the node that asked for it. */
export function atNode<T>(node: GraphNode, fn: () => T): T {
  try {
    return fn();
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause;
    const what = `${node.op}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new OnnxError({ code: "onnx/run", what, where: `node '${node.name}'`, cause });
  }
}

/** What the surrounding graph gives a node. */
export interface NodePlace {
  readonly opset: number;
  readonly where: string;
  /** The constant of a name, if it is one. */
  constant(name: string): GraphTensor | undefined;
  /** Adds a layer under the name of the weight, or that of the node. */
  layer<Layer extends nn.AnyModule>(node: GraphNode, weight: string | undefined, make: () => Layer): Layer;
  /** The parameter of a constant: one for all nodes that have it. @param change such as a transposition */
  parameter(name: string, change?: (tensor: Tensor) => Tensor): nn.Parameter;
  /** Copies a constant into a buffer of a layer. */
  fill(buffer: Tensor, name: string): void;
  /** Has the constant of an input trained as a parameter of the network itself. */
  register(node: GraphNode, name: string): nn.Parameter;
  /** Whether a node sees the image before any layer with weights: what it has of constants is preprocessing. */
  isPreprocessing(node: GraphNode): boolean;
}

/** A node with its attributes and constants, for the operator that prepares it. */
export class NodeSetup {
  readonly node: GraphNode;
  readonly place: NodePlace;
  /** The constant that the only node after a matrix product adds to it: its bias. */
  readonly addedBias: string | undefined;

  constructor(node: GraphNode, place: NodePlace, addedBias?: string) {
    this.node = node;
    this.place = place;
    this.addedBias = addedBias;
  }

  get opset(): number {
    return this.place.opset;
  }

  attribute(name: string): GraphAttribute | undefined {
    return this.node.attributes[name];
  }

  number(name: string, otherwise: number): number {
    const value = this.attribute(name);
    return typeof value === "number" ? value : otherwise;
  }

  text(name: string, otherwise: string): string {
    const value = this.attribute(name);
    return typeof value === "string" ? value : otherwise;
  }

  numbers(name: string): readonly number[] | undefined {
    const value = this.attribute(name);
    return Array.isArray(value) && value.every((one) => typeof one === "number") ? value : undefined;
  }

  /** Whether the file gives an input. */
  has(index: number): boolean {
    return (this.node.inputs[index] ?? "") !== "";
  }

  constant(index: number): GraphTensor | undefined {
    const name = this.node.inputs[index] ?? "";
    return name === "" ? undefined : this.place.constant(name);
  }

  /** A float constant of the rank that a layer's weight has. */
  weight(index: number, rank?: number): GraphTensor | undefined {
    const tensor = this.constant(index);
    const isWeight = tensor?.dtype.startsWith("float") && (rank === undefined || tensor.shape.length === rank);
    return isWeight ? tensor : undefined;
  }

  parameter(index: number, change?: (tensor: Tensor) => Tensor): nn.Parameter {
    return this.place.parameter(this.node.inputs[index] as string, change);
  }

  layer<Layer extends nn.AnyModule>(weightIndex: number, make: () => Layer): Layer {
    return this.place.layer(this.node, this.node.inputs[weightIndex], make);
  }

  unsupported(what: string): OnnxError {
    const { op, name } = this.node;
    return new OnnxError({
      code: "onnx/unsupported",
      what: `${op}: ${what}`,
      where: `${this.place.where}, node '${name}'`,
    });
  }
}

/** A function of one tensor. */
export function unary(compute: (x: Tensor) => Tensor): Operator {
  return () => (x) => compute(asTensor(x as Value));
}
