import { CtError, parseOptions } from "@classifier-training/base";
import {
  GraphModule,
  type GraphTensor,
  type OnnxGraph,
  readOnnxGraph,
  writeOnnxGraph,
} from "@classifier-training/onnx";
import { fromTypedArray, keep, Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { FileNetwork, type NetworkPlan, type Origin } from "./file-network.ts";

/** What a checkpoint carries of a file's network: all but its weights, which are the checkpoint's own. */
export interface NetworkRecord extends Origin {
  /** An ONNX model, as bytes, [B] uint8: what the weights were is an input of it. */
  readonly skeleton: Tensor;
  readonly features: number;
  readonly stages: NetworkPlan["stages"];
}

/** Constants of so many values are not weights: shapes, axes, factors. */
const smallConstant = 16;

/** How much larger than the checkpoint's weights a described network may be: some are used twice. */
const mostTimesWeights = 2;

/** A skeleton is a list of nodes. */
const maxSkeletonBytes = 64 * 2 ** 20;

const sizeOf = (shape: readonly number[]) => shape.reduce((size, side) => size * side, 1);

/** The tensor lives as long as the process: every checkpoint has it. */
export function recordOf({ plan: { graph, features, stages }, body, origin }: FileNetwork): NetworkRecord {
  // What is not in the module's state, such as a mean image that is subtracted, stays a constant.
  const isWeight = (name: string, { shape }: GraphTensor) =>
    sizeOf(shape) > smallConstant && body.trainedConstants.has(name);
  const weights = [...graph.initializers].filter(([name, value]) => isWeight(name, value));
  const constants = [...graph.initializers].filter(([name, value]) => !isWeight(name, value));
  const bytes = writeOnnxGraph({
    ...graph,
    inputs: [...graph.inputs, ...weights.map(([name, { dtype, shape }]) => ({ name, dtype, shape }))],
    initializers: new Map(constants),
    metadata: {},
  });
  return { skeleton: keep(fromTypedArray(Uint8Array.from(bytes), [bytes.length])), features, stages, ...origin };
}

export const networkRecordSchema = z.looseObject({
  source: z.string(),
  sha256: z.string(),
  skeleton: z.custom<Tensor>((value) => value instanceof Tensor && value.dtype === "uint8" && value.ndim === 1),
  features: z.int().positive().max(1_000_000),
  stages: z.array(z.strictObject({ name: z.string(), modules: z.array(z.string()) })).max(10_000),
});

/**
 * The network of a checkpoint's record, with zeros as weights until the checkpoint's are loaded.
 * @param stored what the checkpoint has in its place @param weightBytes how large its weights are together
 * @throws CtError for a record that is damaged, or describes more weights than the checkpoint has
 */
export function networkOfRecord(
  stored: unknown,
  {
    numClasses,
    dropout,
    weightBytes,
    where,
  }: {
    readonly numClasses: number;
    readonly dropout: number;
    readonly weightBytes: number;
    readonly where: string;
  },
): FileNetwork {
  const fail = (what: string, cause?: unknown) =>
    new CtError({
      code: "classifier/checkpoint",
      what,
      where,
      fix: "give a checkpoint that `classifier train` wrote",
      cause,
    });
  const { skeleton, features, stages, source, sha256 } = parseOptions(
    "the checkpoint's description of its network is not valid",
    networkRecordSchema,
    stored,
    ({ what, cause }) => fail(what, cause),
  );
  if (skeleton.numel > maxSkeletonBytes)
    throw fail(
      `the checkpoint's description of its network has ${skeleton.numel} bytes, at most ${maxSkeletonBytes} are read`,
    );
  const read = readOnnxGraph(skeleton.toTypedArray() as Uint8Array, where);
  const [image, ...weights] = read.inputs;
  if (image === undefined) throw fail("the checkpoint's network has no input");
  const initializers = new Map(read.initializers);
  let left = mostTimesWeights * weightBytes - 4 * features * numClasses;
  for (const { name, dtype, shape } of weights) {
    const sides = shape.filter((side) => typeof side === "number" && side > 0) as number[];
    const bytes = sizeOf(sides) * (dtype === "float16" ? 2 : 4);
    left -= bytes;
    if (sides.length < shape.length || !(left >= 0))
      throw fail(`the checkpoint describes a larger network than its weights of ${weightBytes} bytes: '${name}'`);
    initializers.set(name, { dtype, shape: sides, data: new Uint8Array(bytes) });
  }
  const graph: OnnxGraph = { ...read, inputs: [image], initializers };
  const network = { plan: { graph, features, stages }, body: new GraphModule(graph, where) };
  return new FileNetwork(network, { origin: { source, sha256 }, numClasses, dropout });
}
