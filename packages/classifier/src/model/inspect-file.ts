import { CtError } from "@classifier-training/base";
import { GraphModule, type GraphPort } from "@classifier-training/onnx";
import { noGrad, scope, Tensor, zeros } from "@classifier-training/torch";
import { createModel, readStateDict } from "@classifier-training/vision";
import { planNetwork } from "./file/file-network.ts";
import { lastLayers, outputWidth } from "./file/head.ts";
import { type KnownPreprocessing, openGraph, preprocessingOf, sizeOf } from "./file/open.ts";
import { type GraphFile, readModelFile, type WeightsFile } from "./file/read.ts";
import { countFlops } from "./flops.ts";

/** A layer with parameters. */
export interface InspectedLayer {
  readonly name: string;
  readonly kind: string;
  /** Of one image; undefined for a file of weights, and where the network could not be run. */
  readonly output?: readonly number[] | undefined;
  readonly parameters: number;
}

/** What `classifier model inspect` shows. */
export interface InspectedFile {
  readonly path: string;
  readonly sha256: string;
  readonly format: string;
  readonly opset?: number;
  readonly producer?: string;
  /** The network of the zoo that a file of weights belongs to. */
  readonly network?: string;
  readonly inputs: readonly GraphPort[];
  readonly outputs: readonly GraphPort[];
  readonly parameters: number;
  /** Multiplications of one image at `size`. */
  readonly macs?: number | undefined;
  readonly size: { readonly height: number; readonly width: number };
  readonly head?: { readonly node: string | null; readonly features?: number; readonly classes?: number | undefined };
  readonly headCandidates: readonly string[];
  readonly stages: readonly string[];
  readonly preprocessing?: KnownPreprocessing;
  readonly labels?: readonly string[] | undefined;
  readonly layers: readonly InspectedLayer[];
  /** Why it cannot be trained, where it cannot. */
  readonly problem?: string;
}

/** @throws CtError for a file that is not a model */
export async function inspectFile(source: string): Promise<InspectedFile> {
  const file = await readModelFile(source);
  return file.kind === "weights" ? inspectWeights(file) : inspectGraph(file);
}

async function inspectWeights(file: WeightsFile): Promise<InspectedFile> {
  const { path, sha256, network } = file;
  const state = await readStateDict(path);
  const layers = [...state].map(([name, tensor]) => ({
    name,
    kind: `${tensor.dtype} [${tensor.shape.join(", ")}]`,
    parameters: tensor.numel,
  }));
  for (const tensor of state.values()) tensor.dispose();
  const { headPath, stages } = network === undefined ? { headPath: undefined, stages: [] } : createModel(network);
  const preprocessing = preprocessingOf(file, null);
  return {
    ...{ path, sha256, format: "weights", inputs: [], outputs: [], layers, preprocessing },
    ...(network === undefined
      ? { problem: "the weights are of no network of the model zoo: only their names and shapes are known" }
      : { network, head: { node: headPath ?? null } }),
    parameters: layers.reduce((sum, { parameters }) => sum + parameters, 0),
    size: sizeOf({ preprocessing }),
    headCandidates: [],
    stages: stages.map(({ name }) => name),
    labels: file.described.find((one) => one.labels !== undefined)?.labels,
  };
}

function inspectGraph(file: GraphFile): InspectedFile {
  const { path, sha256, format, graph } = file;
  const { inputs, outputs, opset, producer } = graph;
  const known = {
    ...{ path, sha256, format, opset, producer, inputs, outputs },
    parameters: [...graph.initializers.values()].reduce(
      (sum, { shape, dtype }) => sum + (dtype.startsWith("float") ? sizeOfShape(shape) : 0),
      0,
    ),
    size: { height: 0, width: 0 },
    headCandidates: lastLayers(graph),
    stages: [],
    layers: [],
  };
  try {
    const opened = openGraph(file, { head: null, preprocessing: null });
    const { head, preprocessing, labels, whole } = opened;
    const size = sizeOf(opened);
    const layers = layersOf(new GraphModule(whole, path), size);
    const { plan, body } = planNetwork(opened.body, size, path);
    const node = whole.nodes.find(({ name }) => name === head.node);
    return {
      ...known,
      ...{ size, layers, preprocessing, labels },
      headCandidates: lastLayers(whole),
      parameters: layers.reduce((sum, { parameters }) => sum + parameters, 0),
      macs: noGrad(() => scope(() => countFlops(() => body.call(zeros([1, 3, size.height, size.width]))) / 2)),
      head: { node: head.node ?? null, features: plan.features, classes: node && outputWidth(whole, node) },
      stages: plan.stages.map(({ name }) => name),
    };
  } catch (error) {
    if (!CtError.is(error)) throw error;
    return {
      ...known,
      problem: [error.problem.what, error.problem.where, error.problem.fix].filter(Boolean).join("; "),
    };
  }
}

function layersOf(
  network: GraphModule,
  { height, width }: { readonly height: number; readonly width: number },
): InspectedLayer[] {
  const layers: InspectedLayer[] = [];
  network.eval();
  for (const [name, module] of network.namedModules()) {
    const parameters = [...module.namedParameters("", { recurse: false })];
    if (name === "" || parameters.length === 0) continue;
    module.registerForwardHook((_module, _inputs, output) => {
      layers.push({
        name,
        kind: module.constructor.name.replace(/^Graph/, ""),
        output: output instanceof Tensor ? output.shape : undefined,
        parameters: parameters.reduce((sum, [, { numel }]) => sum + numel, 0),
      });
      return undefined;
    });
  }
  noGrad(() => scope(() => void network.call(zeros([1, 3, height, width]))));
  return layers;
}

function sizeOfShape(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}
