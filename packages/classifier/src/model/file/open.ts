import { CtError, displayPath, getLogger, plural } from "@classifier-training/base";
import { type OnnxGraph, simplifyGraph } from "@classifier-training/onnx";
import { type nn, noGrad } from "@classifier-training/torch";
import { FileNetwork, planNetwork } from "./file-network.ts";
import { withFreeBatch } from "./free-batch.ts";
import { cutAt, findHead, type Head, lastLayers, namedHead } from "./head.ts";
import { imageInputOf, ownNormalization, withRgbInput } from "./image-input.ts";
import {
  type Described,
  type ImagePreprocessing,
  type Known,
  namedPreprocessing,
  ofOption,
  type PreprocessingOption,
} from "./preprocessing.ts";
import type { GraphFile, ModelFile } from "./read.ts";

const log = getLogger("classifier.model");

/** Of a network that takes images of any size, and whose file says none. */
const usualSize = 224;

/** A file's network as it is trained: without its head. */
export interface OpenedFile {
  readonly file: GraphFile;
  readonly preprocessing: KnownPreprocessing;
  readonly labels: readonly string[] | undefined;
  readonly head: Head;
  /** From images [N, 3, H, W] in RGB order to the file's output. */
  readonly whole: OnnxGraph;
  /** From the same images to features. */
  readonly body: OnnxGraph;
}

export interface KnownPreprocessing extends ImagePreprocessing {
  /** Who says so; undefined for a guess. */
  readonly from: string | undefined;
}

/**
 * A file's network with its head cut off.
 * @param head the node that is cut, null for the one that is found @param preprocessing in place of what the file says
 * @throws CtError for a network that does not take color images, and for a head that it does not have
 */
export function openGraph(
  file: GraphFile,
  {
    head: named,
    preprocessing: given,
  }: { readonly head: string | null; readonly preprocessing: PreprocessingOption | null },
): OpenedFile {
  const simple = simplifyGraph(withFreeBatch(file.graph));
  const input = imageInputOf(simple, file.path);
  const labels = file.described.find((one) => one.labels !== undefined)?.labels;
  const own = ownNormalization(simple, input);
  const preprocessing = preprocessingOf(file, given, own);
  const head = named === null ? findHead(simple, labels) : namedHead(simple, named);
  const whole = simplifyGraph(withRgbInput(simple, input, preprocessing));
  const body = simplifyGraph(cutAt(whole, head.features));
  const { height = preprocessing.height, width = preprocessing.width } = input;
  return { file, preprocessing: { ...preprocessing, height, width }, labels, head, whole, body };
}

/** What the user says, then what the file and its neighbors say, then what its first nodes do. */
export function preprocessingOf(
  { described }: Pick<ModelFile, "described">,
  given: PreprocessingOption | null,
  own?: "raw" | "unit" | undefined,
): KnownPreprocessing {
  const said: readonly Described[] = [
    ...(given === null ? [] : [{ preprocessing: ofOption(given), from: "model.preprocessing" }]),
    ...described,
    ...(own === undefined
      ? []
      : [{ preprocessing: namedPreprocessing[own] as Known, from: "the network, which normalizes itself" }]),
  ];
  const imagenet = namedPreprocessing["imagenet"] as Pick<ImagePreprocessing, "colorOrder" | "mean" | "std">;
  const first = <Key extends keyof ImagePreprocessing>(key: Key): Known[Key] =>
    said.find(({ preprocessing }) => preprocessing?.[key] !== undefined)?.preprocessing?.[key];
  return {
    colorOrder: first("colorOrder") ?? imagenet.colorOrder,
    height: first("height"),
    width: first("width"),
    mean: first("mean") ?? imagenet.mean,
    std: first("std") ?? imagenet.std,
    from: said.find(({ preprocessing }) => preprocessing?.mean !== undefined)?.from,
  };
}

/** A side for each dimension of the images that a network is made for: its file's, or one that most networks take. */
export function sizeOf({ preprocessing: { height, width } }: Pick<OpenedFile, "preprocessing">): {
  readonly height: number;
  readonly width: number;
} {
  return { height: height ?? width ?? usualSize, width: width ?? height ?? usualSize };
}

/**
 * The network of a file with a new head.
 * @param pretrained false: with random weights in place of the file's
 * @throws CtError for a network that cannot be run, naming the nodes that may be a head
 */
export function buildFileNetwork(
  opened: OpenedFile,
  {
    numClasses,
    dropout,
    pretrained,
  }: { readonly numClasses: number; readonly dropout: number; readonly pretrained: boolean },
): FileNetwork {
  const { head, file } = opened;
  const { plan, body } = planned(opened);
  if (!pretrained) noGrad(() => resetParameters(body));
  const network = new FileNetwork(
    { plan, body },
    {
      origin: { source: file.source, sha256: file.sha256 },
      numClasses,
      dropout,
    },
  );
  const cut = head.node === undefined ? "a head added" : `a new head for ${head.node}`;
  const stages = plan.stages.map(({ name }) => name).join(", ");
  log.info(
    `${displayPath(file.path)} (${file.format}): ${plural(plan.features, "feature")}, ${cut}; stages: ${stages}`,
  );
  return network;
}

function planned(opened: OpenedFile): ReturnType<typeof planNetwork> {
  const { file, body, head } = opened;
  try {
    return planNetwork(body, sizeOf(opened), displayPath(file.path));
  } catch (cause) {
    if (CtError.is(cause) && cause.code.startsWith("onnx/")) throw cause;
    throw new CtError({
      code: "classifier/model-file",
      what: `the network up to ${head.node ?? "its output"} cannot be run: ${(cause as Error).message.split("\n")[0]}`,
      where: file.path,
      fix: `choose another layer as the head: model.head=NODE, one of ${lastLayers(file.graph).join(", ")}`,
      cause,
    });
  }
}

function resetParameters(body: nn.AnyModule): void {
  for (const module of body.modules()) {
    const { resetParameters: reset } = module as { resetParameters?: () => void };
    reset?.call(module);
  }
}
