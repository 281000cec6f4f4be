import { nn, noGrad, scope, type Tensor } from "@classifier-training/torch";
import { WeightsError } from "../weights/errors.ts";
import type { KeyMapping, ModelDefinition } from "./definition.ts";
import type { ImageModel } from "./image-model.ts";
import { type Resample, resizePositionEmbedding } from "./position-embedding.ts";

/** What of a file went into a model. */
export interface LoadReport {
  /** True when the file's head has another number of classes, so that the model keeps its own, new one. */
  readonly headSkipped: boolean;
  /** The names were timm's. */
  readonly fromTimm: boolean;
  /** Tensors of the model that have the file's values. */
  readonly loaded: number;
  /** Those that keep their own: of a new head, of the small stem. */
  readonly kept: readonly string[];
  /** Tensors of the file that are not the model's. */
  readonly unused: readonly string[];
}

/**
 * Copies weights into a model: torchvision's or timm's names, older spellings too. The head is left as it is when the
 * number of classes differs, and the first convolution when the model has the small stem; everything else has to fit.
 * @throws WeightsError `weights/mismatch` with the names and shapes that do not fit.
 */
export function loadWeights(
  model: ImageModel,
  definition: ModelDefinition,
  weights: ReadonlyMap<string, Tensor>,
): LoadReport {
  return noGrad(() => scope(() => copyWeights(model, definition, weights)));
}

function copyWeights(model: ImageModel, definition: ModelDefinition, weights: ReadonlyMap<string, Tensor>): LoadReport {
  const own = model.stateDict();
  const { fromTimm } = definition;
  const { named, isTimm, ignored } = alignNames(weights, own, fromTimm);

  const head = `${model.headPath}.`;
  const heads = [...named].filter(([name]) => name.startsWith(head));
  const headSkipped = heads.length === 0 || heads.some(([name, value]) => own.get(name)?.shape[0] !== value.shape[0]);
  const skipped = (name: string) =>
    (headSkipped && name.startsWith(head)) || (name === "conv1.weight" && own.get(name)?.shape[2] === 3);

  const kept: string[] = [];
  let loaded = 0;
  const missingKeys: string[] = [];
  const shapes: string[] = [];
  for (const [name, target] of own) {
    if (skipped(name)) {
      kept.push(name);
      continue;
    }
    const source = fitted(named.get(name), target, name);
    if (source === undefined) {
      if (!isOptional(name)) missingKeys.push(name);
    } else if (!sameShape(source, target)) {
      shapes.push(nn.describeShapes(name, source, target));
    } else {
      target.copy_(source);
      loaded++;
    }
  }
  const unexpectedKeys = [...named.keys()].filter((name) => !own.has(name));
  const mismatch = nn.describeMismatch({ missingKeys, unexpectedKeys, shapes });
  if (mismatch !== "") {
    throw new WeightsError({
      code: "weights/mismatch",
      what: `the weights do not fit ${definition.name}:${mismatch}`,
      fix: "check that the file belongs to this model",
    });
  }
  if (isTimm && definition.timmBatchNormEps !== undefined) setBatchNormEps(model, definition.timmBatchNormEps);
  return { headSkipped, fromTimm: isTimm, loaded, kept, unused: ignored };
}

/**
 * The file's tensors under the model's names: without the prefix that a wrapper has put in front (`module.`, `model.`,
 * `backbone.`, ...), and translated from timm's names. What lies beside the model (`criterion.weight`, `n_averaged`) is
 * ignored and listed; what has the name of a part of the model stays, and has to fit.
 */
function alignNames(weights: ReadonlyMap<string, Tensor>, own: ReadonlyMap<string, Tensor>, fromTimm?: KeyMapping) {
  const translations: ((name: string) => string)[] = [legacyName];
  if (fromTimm !== undefined) translations.push((name) => fromTimm(name) ?? name);
  let best = { prefix: "", translate: translations[0] as (name: string) => string, known: -1 };
  for (const prefix of prefixesIn(weights.keys())) {
    const rest = [...weights.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
    for (const translate of translations) {
      const known = rest.filter((name) => own.has(translate(name))).length;
      if (known > best.known) best = { prefix, translate, known };
    }
  }
  const { prefix, translate } = best;
  const parts = new Set([...own.keys()].map((name) => name.split(".")[0]));
  const named = new Map<string, Tensor>();
  const ignored: string[] = [];
  for (const [name, value] of weights) {
    const inner = name.startsWith(prefix) ? translate(name.slice(prefix.length)) : undefined;
    if (inner !== undefined && parts.has(inner.split(".")[0])) named.set(inner, value);
    else ignored.push(name);
  }
  return { named, isTimm: translate !== legacyName, ignored };
}

/** "", and every beginning of the names that ends with a point, shortest first. */
function prefixesIn(names: Iterable<string>): Set<string> {
  const prefixes = new Set([""]);
  for (const name of names) {
    const parts = name.split(".");
    for (let length = 1; length < Math.min(parts.length, 5); length++)
      prefixes.add(`${parts.slice(0, length).join(".")}.`);
  }
  return new Set([...prefixes].sort((a, b) => a.length - b.length));
}

/**
 * What is right without a file: files written by PyTorch before 0.4.1, and by some converters, have no count of batches,
 * timm's no table of a window's positions.
 */
function isOptional(name: string): boolean {
  return name.endsWith("num_batches_tracked") || name.endsWith("relative_position_index");
}

/** torchvision's published ViT and DenseNet files predate a renaming of their modules. */
function legacyName(name: string): string {
  return name
    .replace(/\.mlp\.linear_([12])\./, (_, layer: string) => `.mlp.${layer === "1" ? 0 : 3}.`)
    .replace(/(denselayer\d+\.(?:norm|conv))\.([12])\./, "$1$2.");
}

/** The source in the target's shape where only dimensions of size one differ, or a position embedding's grid does. */
function fitted(source: Tensor | undefined, target: Tensor, name: string): Tensor | undefined {
  if (source === undefined || sameShape(source, target)) return source;
  const core = (tensor: Tensor) => tensor.shape.filter((size) => size !== 1).join();
  if (core(source) === core(target)) return source.reshape([...target.shape]);
  const resample = positionEmbeddings[name];
  const sameWidth = source.ndim === 3 && source.shape[2] === target.shape[2];
  return resample !== undefined && sameWidth ? resizePositionEmbedding(source, target.shape[1] ?? 0, resample) : source;
}

/** Parameters that are fitted to another size of images, each by the rule of the library that has it. */
const positionEmbeddings: Readonly<Record<string, Resample>> = {
  "encoder.pos_embedding": "aligned_corners",
  pos_embed: "antialias",
};

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.ndim === b.ndim && a.shape.every((size, i) => size === b.shape[i]);
}

function setBatchNormEps(model: ImageModel, eps: number): void {
  for (const module of model.modules()) if (module instanceof nn.BatchNorm2d) Object.assign(module, { eps });
}
