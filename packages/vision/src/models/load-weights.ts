import { getLogger } from "@classifier-training/base";
import { nn, noGrad, scope, type Tensor } from "@classifier-training/torch";
import { WeightsError } from "../weights/errors.ts";
import type { KeyMapping, ModelDefinition } from "./definition.ts";
import type { ImageModel } from "./image-model.ts";
import { resizePositionEmbedding } from "./position-embedding.ts";

const log = getLogger("vision.models");

/** What of a file went into a model. */
export interface LoadReport {
  /** True when the file's head has another number of classes, so that the model keeps its own, new one. */
  readonly headSkipped: boolean;
  /** The names were timm's. */
  readonly fromTimm: boolean;
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
  let named = new Map([...weights].map(([name, value]) => [legacyName(name), value] as const));
  const known = [...named.keys()].filter((name) => own.has(name)).length;
  const isTimm = fromTimm !== undefined && known < named.size / 2;
  if (isTimm) named = translate(named, fromTimm);

  const head = `${model.headPath}.`;
  const headSkipped = [...named].some(
    ([name, value]) => name.startsWith(head) && own.get(name)?.shape[0] !== value.shape[0],
  );
  const skipped = (name: string) =>
    (headSkipped && name.startsWith(head)) || (name === "conv1.weight" && own.get(name)?.shape[2] === 3);

  const problems: string[] = [];
  for (const [name, target] of own) {
    if (skipped(name)) continue;
    const source = fitted(named.get(name), target, name);
    if (source === undefined) {
      // written by PyTorch before 0.4.1, and by some converters: without it the count starts at zero
      if (!name.endsWith("num_batches_tracked")) problems.push(`${name} is missing`);
    } else if (!sameShape(source, target)) {
      problems.push(`${name} has shape [${source.shape.join(", ")}], the model's is [${target.shape.join(", ")}]`);
    } else {
      target.copy_(source);
    }
  }
  for (const name of named.keys()) if (!own.has(name)) problems.push(`${name} is not in the model`);
  if (problems.length > 0) throw mismatch(definition.name, problems);
  if (headSkipped) log.info(`${definition.name}: new head, the weights' own is for another number of classes`);
  if (isTimm && definition.timmBatchNormEps !== undefined) setBatchNormEps(model, definition.timmBatchNormEps);
  return { headSkipped, fromTimm: isTimm };
}

/** torchvision's published ViT file predates a renaming of its modules. */
function legacyName(name: string): string {
  return name.replace(/\.mlp\.linear_([12])\./, (_, layer: string) => `.mlp.${layer === "1" ? 0 : 3}.`);
}

function translate(weights: ReadonlyMap<string, Tensor>, mapping: KeyMapping): Map<string, Tensor> {
  return new Map([...weights].map(([name, value]) => [mapping(name) ?? name, value]));
}

/** The source in the target's shape where only dimensions of size one differ, or a position embedding's grid does. */
function fitted(source: Tensor | undefined, target: Tensor, name: string): Tensor | undefined {
  if (source === undefined || sameShape(source, target)) return source;
  const core = (tensor: Tensor) => tensor.shape.filter((size) => size !== 1).join();
  if (core(source) === core(target)) return source.reshape([...target.shape]);
  const sameWidth = source.ndim === 3 && source.shape[2] === target.shape[2];
  return name === "encoder.pos_embedding" && sameWidth ? resizePositionEmbedding(source, target.shape[1] ?? 0) : source;
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.ndim === b.ndim && a.shape.every((size, i) => size === b.shape[i]);
}

function setBatchNormEps(model: ImageModel, eps: number): void {
  for (const module of model.modules()) if (module instanceof nn.BatchNorm2d) Object.assign(module, { eps });
}

function mismatch(name: string, problems: readonly string[]): WeightsError {
  const shown = problems.slice(0, 6).join("; ");
  const more = problems.length > 6 ? ` and ${problems.length - 6} more` : "";
  return new WeightsError({
    code: "weights/mismatch",
    what: `the weights do not fit ${name}: ${shown}${more}`,
    fix: "check that the file belongs to this model",
  });
}
