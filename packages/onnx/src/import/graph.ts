import type { DType } from "@classifier-training/torch";

/** A constant of a graph: elements little-endian, row-major. */
export interface GraphTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Integers are numbers: those beyond 2^53, such as the end of an open slice, are clipped. */
export type GraphAttribute = number | string | readonly number[] | readonly string[] | GraphTensor;

export interface GraphNode {
  /** ONNX's operator of the default domain. */
  readonly op: string;
  /** Unique; the file's own where it has one. */
  readonly name: string;
  /** Names of values; "" for one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, GraphAttribute>>;
}

export interface GraphPort {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes; a text is the name of a dynamic one, "" where it has none. */
  readonly shape: readonly (number | string)[];
}

/** A network as a file has it, in ONNX's operators: what all readers of model files make. */
export interface OnnxGraph {
  /** Without the initializers. */
  readonly inputs: readonly GraphPort[];
  readonly outputs: readonly GraphPort[];
  /** Each after those that it needs. */
  readonly nodes: readonly GraphNode[];
  readonly initializers: ReadonlyMap<string, GraphTensor>;
  /** Version of the default domain's operators. */
  readonly opset: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly producer: string;
}
