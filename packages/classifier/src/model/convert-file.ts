import { existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { extname } from "node:path";
import { CtError, plural, temporaryPath } from "@classifier-training/base";
import {
  checkOnnx,
  exportOnnx,
  GraphModule,
  type OnnxGraph,
  simplifyGraph,
  writeOnnxGraph,
} from "@classifier-training/onnx";
import { fromTypedArray, manualSeed, type nn, randn, serialization, type Tensor } from "@classifier-training/torch";
import {
  createModel,
  type ImageModel,
  listModels,
  loadWeights,
  modelDefinition,
  moduleAt,
  networkOf,
  readStateDict,
} from "@classifier-training/vision";
import { withFreeBatch } from "./file/free-batch.ts";
import { preprocessingOf, sizeOf } from "./file/open.ts";
import { type GraphFile, knownNetwork, readModelFile, type WeightsFile } from "./file/read.ts";

/** What a conversion has written, and how it was checked. */
export interface Converted {
  readonly path: string;
  readonly bytes: number;
  /** What was compared, for people. */
  readonly check: string;
}

const formats = [".onnx", ".safetensors"];

/**
 * Converts a model file: to ONNX, or to safetensors where its network is in the zoo. The file is written beside its place,
 * compared with the source, and only then renamed.
 * @param force whether a file that is there already may be replaced
 * @throws CtError for formats that cannot be converted, and where the result differs from the source
 */
export async function convertFile(
  source: string,
  path: string,
  { force }: { readonly force: boolean },
): Promise<Converted> {
  const to = extname(path);
  if (!formats.includes(to)) {
    throw new CtError({
      code: "classifier/convert",
      what: `expected an output named ${formats.map((format) => `*${format}`).join(" or ")}, received '${path}'`,
      fix: `name it ${path.slice(0, path.length - to.length)}.onnx`,
    });
  }
  if (existsSync(path) && !force) {
    throw new CtError({
      code: "classifier/convert",
      what: "the output exists already",
      where: path,
      fix: "name another file, or add --force",
    });
  }
  const file = await readModelFile(source);
  const unchecked = temporaryPath(path);
  try {
    const check = await (to === ".onnx" ? toOnnx(file, unchecked) : toSafetensors(file, unchecked));
    renameSync(unchecked, path);
    return { path, bytes: statSync(path).size, check };
  } finally {
    rmSync(unchecked, { force: true });
  }
}

async function toOnnx(file: GraphFile | WeightsFile, path: string): Promise<string> {
  if (file.kind === "graph") {
    const first = { ...file.graph, outputs: file.graph.outputs.slice(0, 1) };
    const graph = simplifyGraph(withFreeBatch(first));
    const images = imageLike(graph);
    const { maxAbsDiff } = await checkOnnx(writeOnnxGraph(first), images, new GraphModule(graph), { batchSizes: [1] });
    writeFileSync(path, writeOnnxGraph({ ...file.graph, metadata: { ...file.graph.metadata, ...metadataOf(file) } }));
    return `ONNX Runtime's outputs for an image differ from ${file.format}'s by at most ${maxAbsDiff.toExponential(1)}`;
  }
  const state = await readStateDict(file.path);
  const network = withWeights(knownNetwork(file), file.path, state);
  const preprocessing = preprocessingOf(file, null);
  const { height, width } = sizeOf({ preprocessing });
  const images = randn([2, 3, height, width]);
  exportOnnx(network, images, {
    path,
    inputNames: ["input"],
    outputNames: ["logits"],
    metadata: metadataOf(file),
  });
  const { maxAbsDiff } = await checkOnnx(path, images, network);
  return `ONNX Runtime's logits differ from LibTorch's by at most ${maxAbsDiff.toExponential(1)}`;
}

/** What is known of a file beside its network, as `describedByMetadata` reads it. */
function metadataOf(file: GraphFile | WeightsFile): Record<string, string> {
  const { mean, std, colorOrder, from } = preprocessingOf(file, null);
  const labels = file.described.find((one) => one.labels !== undefined)?.labels;
  const names = labels?.map((name, i) => `${i}: ${name.includes("'") ? `"${name}"` : `'${name}'`}`);
  return {
    ...(from !== undefined && { mean: JSON.stringify(mean), std: JSON.stringify(std) }),
    ...(colorOrder === "BGR" && { "Image.BitmapPixelFormat": "Bgr8" }),
    ...(names !== undefined && { names: `{${names.join(", ")}}` }),
  };
}

/** Weights under torchvision's names, where the network is known. */
async function toSafetensors(file: GraphFile | WeightsFile, path: string): Promise<string> {
  if (file.kind === "graph") return graphToSafetensors(file, path);
  const { network } = file;
  const state = await readStateDict(file.path);
  const written = network === undefined ? state : withWeights(network, file.path, state).stateDict();
  serialization.saveSafetensors(path, written);
  const { tensors } = serialization.loadSafetensors(path);
  for (const [name, tensor] of written) {
    if (tensors.get(name)?.equal(tensor) === true) continue;
    throw new CtError({ code: "classifier/convert", what: `'${name}' is not as it was written`, where: path });
  }
  return `${plural(tensors.size, "tensor")}${network === undefined ? "" : ` of ${network}`}, read back as written`;
}

async function graphToSafetensors({ graph, path: source }: GraphFile, path: string): Promise<string> {
  const state = initializersOf(graph);
  const network = networkOf(state, listModels().map(modelDefinition));
  if (network === undefined) {
    throw new CtError({
      code: "classifier/convert",
      what: "the weights are of no network of the model zoo, and safetensors have only weights",
      where: source,
      fix: "keep the ONNX file: model=file model.path=FILE trains it",
    });
  }
  const model = withWeights(network, source, state);
  serialization.saveSafetensors(path, model.stateDict());
  model.loadStateDict(serialization.loadSafetensors(path).tensors);
  const { maxAbsDiff } = await checkOnnx(source, imageLike(graph), model.eval(), { batchSizes: [1] });
  return `${network}: logits differ from those of the file by at most ${maxAbsDiff.toExponential(1)}`;
}

/** The network with the weights of a file, in eval mode, with as many classes as the file's head has. */
function withWeights(network: string, path: string, state: ReadonlyMap<string, Tensor>): ImageModel {
  const definition = modelDefinition(network);
  const { headPath } = definition.build({ numClasses: 2 });
  const { inFeatures } = moduleAt(createModel(network, { numClasses: 2 }), headPath) as nn.Linear;
  const counts = [...state.values()].flatMap(({ shape }) =>
    shape.length === 2 && shape[1] === inFeatures ? [shape[0] as number] : [],
  );
  for (const numClasses of new Set(counts.reverse())) {
    const model = createModel(network, { numClasses });
    if (!loadWeights(model, definition, state).headSkipped) return model.eval() as ImageModel;
  }
  throw new CtError({
    code: "classifier/convert",
    what: `the weights of ${network} have no head`,
    where: path,
    fix: `train one: model=${network} model.weights=FILE`,
  });
}

function initializersOf({ initializers }: OnnxGraph): Map<string, Tensor> {
  return new Map(
    [...initializers].flatMap(([name, { dtype, shape, data }]): [string, Tensor][] =>
      dtype === "float32" ? [[name, fromTypedArray(new Float32Array(Uint8Array.from(data).buffer), [...shape])]] : [],
    ),
  );
}

/** Random pixels of the input's shape; 224 where a size is open. */
function imageLike({ inputs }: OnnxGraph): Tensor {
  manualSeed(0);
  const shape = (inputs[0]?.shape ?? []).map((side, axis) =>
    typeof side === "number" && side > 0 ? side : axis === 0 ? 1 : 224,
  );
  return randn(shape);
}
