import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { getLogger, type Problem, plural, suggestion } from "@classifier-training/base";
import { imagenetMean, imagenetStd } from "@classifier-training/image";
import type { Tensor } from "@classifier-training/torch";
import { progressBar, sha256OfFile } from "@classifier-training/torch/download";
import { WeightsError } from "../weights/errors.ts";
import { type FetchOptions, fetchWeights } from "../weights/fetch.ts";
import { parseSource } from "../weights/source.ts";
import { readStateDict } from "../weights/state-dict.ts";
import type { ModelDefinition, ModelOptions, OwnWeights } from "./definition.ts";
import type { ImageModel } from "./image-model.ts";
import { type LoadReport, loadWeights } from "./load-weights.ts";
import { networkOf } from "./network-of.ts";
import type { Preprocessing, PublishedWeights } from "./published-weights.ts";
import { listModels, modelDefinition } from "./registry.ts";

const log = getLogger("vision.models");

export interface PretrainedOptions extends FetchOptions {
  /** Draw a progress bar on standard error while downloading; default true. `onProgress` goes before it. */
  readonly progress?: boolean | undefined;
}

/** Weights that are in a model now. */
export interface PretrainedInfo extends LoadReport {
  /** The source that was given: a URL, a path, a repository of the hub. */
  readonly source: string;
  /** The file on this machine. */
  readonly path: string;
  /** Of a file that was given by its path: the file there may be another one next time. */
  readonly sha256: string | undefined;
  /** How images have to be prepared for these weights; undefined when nobody says. */
  readonly preprocessing: Preprocessing | undefined;
}

/**
 * Published weights of a model by their torchvision name: `IMAGENET1K_V1`, `DEFAULT` (also as
 * `ResNet18_Weights.IMAGENET1K_V1`); undefined when the text is no such name.
 * @throws WeightsError for a name of that form that the model does not have, listing those it has.
 */
export function publishedWeightsOf(definition: ModelDefinition, text: string): PublishedWeights | undefined {
  const name = text.replace(/^[A-Za-z0-9_]+_Weights\./, "");
  if (name === "DEFAULT") return definition.weights.at(-1);
  const found = definition.weights.find((weights) => weights.name === name);
  if (found === undefined && /^[A-Z][A-Z0-9_]+$/.test(name)) {
    const names = [...definition.weights.map((weights) => weights.name), "DEFAULT"];
    throw new WeightsError({
      code: "weights/unknown",
      what: `${definition.name} has no published weights '${name}'`,
      fix: suggestion(name, names),
    });
  }
  return found;
}

/**
 * Loads pretrained weights into a model.
 * @param name The model's name in the registry.
 * @param weights `true` or `"DEFAULT"`, a name of published weights, or any source that `fetchWeights` takes (a file, a
 * URL, `timm/...`, `hf://...`).
 * @throws WeightsError when they cannot be got, or do not fit.
 */
export async function loadPretrained(
  model: ImageModel,
  name: string,
  weights: true | string,
  options: PretrainedOptions = {},
): Promise<PretrainedInfo> {
  const definition = modelDefinition(name);
  if (weights === true && definition.ownWeights !== undefined) return loadOwn(model, definition.ownWeights);
  const published = publishedWeightsOf(definition, weights === true ? "DEFAULT" : weights);
  const source = published?.url ?? String(weights);
  const { progress = true } = options;
  const onProgress = options.onProgress ?? (progress ? progressBar() : undefined);
  const path = await fetchWeights(source, { ...options, onProgress });
  const state = await readStateDict(path);
  try {
    const report = loadWeights(model, definition, state);
    logReport(basename(path), report);
    const preprocessing = published?.preprocessing ?? (await hubPreprocessing(source, options));
    const sha256 = parseSource(source, options.env).kind === "local" ? await sha256OfFile(path) : undefined;
    return { ...report, source, path, sha256, preprocessing };
  } catch (error) {
    if (!WeightsError.is(error)) throw error;
    throw new WeightsError({ ...error.problem, ...ofAnother(name, state), where: path });
  } finally {
    for (const tensor of state.values()) tensor.dispose();
  }
}

async function loadOwn(model: ImageModel, own: OwnWeights): Promise<PretrainedInfo> {
  const path = own.path();
  await own.load(model, path);
  log.info(`weights of ${basename(path)} loaded, a new head`);
  const report = { headSkipped: true, fromTimm: false, loaded: model.stateDict().size, kept: [], unused: [] };
  return { ...report, source: path, path, sha256: await sha256OfFile(path), preprocessing: undefined };
}

/** What is wrong with weights that do not fit, where they are those of another network. */
function ofAnother(name: string, state: ReadonlyMap<string, Tensor>): Partial<Problem> {
  const network = networkOf(state, listModels().map(modelDefinition));
  if (network === undefined || network === name) return {};
  return {
    what: `the weights do not fit ${name}: the file looks like ${network}`,
    fix: `model=${network}, or another file`,
  };
}

/** One line for people; the names are for the log file. */
function logReport(file: string, { loaded, kept, unused, headSkipped, fromTimm }: LoadReport): void {
  const parts = [
    `weights of ${file}: ${plural(loaded, "tensor")} loaded${fromTimm ? " by timm's names" : ""}`,
    headSkipped && "a new head",
    unused.length > 0 && `${plural(unused.length, "tensor")} of the file not used (${few(unused)})`,
  ];
  log.info(parts.filter(Boolean).join(", "));
  if (kept.length > 0) log.detail(`not of the file: ${kept.join(", ")}`);
  if (unused.length > 0) log.detail(`of the file and not used: ${unused.join(", ")}`);
}

function few(names: readonly string[]): string {
  return names.length > 2 ? `${names.slice(0, 2).join(", ")}, ...` : names.join(", ");
}

/** Makes a model and loads pretrained weights into it; see `createModel` and `loadPretrained`. */
export async function createPretrainedModel(
  name: string,
  options: ModelOptions = {},
  weights: true | string = true,
  fetchOptions: PretrainedOptions = {},
): Promise<ImageModel> {
  const definition = modelDefinition(name);
  const published = publishedWeightsOf(definition, weights === true ? "DEFAULT" : weights);
  const imageSize = published?.imageSize === undefined ? {} : { imageSize: published.imageSize };
  const model = definition.build({ ...imageSize, ...options });
  await loadPretrained(model, name, weights, fetchOptions);
  return model;
}

/** The evaluation geometry in the `config.json` that timm puts beside its weights; undefined when there is none. */
async function hubPreprocessing(source: string, options: FetchOptions): Promise<Preprocessing | undefined> {
  const repository = /^(?:hf:\/\/)?([\w.-]+\/[\w.-]+(?:@[\w.-]+)?)/.exec(source)?.[1];
  if (repository === undefined || !(source.startsWith("hf://") || source.startsWith("timm/"))) return undefined;
  try {
    const path = await fetchWeights(`hf://${repository}/config.json`, { ...options, sha256: undefined, attempts: 2 });
    return timmPreprocessing(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined; // a nicety: the weights themselves are here
  }
}

/** Reads timm's `pretrained_cfg`: the shorter side becomes floor(size / crop_pct), then a center crop of `size`. */
export function timmPreprocessing(config: unknown): Preprocessing | undefined {
  const { pretrained_cfg: cfg } = (config ?? {}) as { pretrained_cfg?: Record<string, unknown> };
  const size = (cfg?.["input_size"] as number[] | undefined)?.[1];
  if (cfg === undefined || size === undefined) return undefined;
  const triple = (value: unknown, otherwise: Preprocessing["mean"]) =>
    Array.isArray(value) && value.length === 3 ? (value.map(Number) as [number, number, number]) : otherwise;
  return {
    resize: Math.floor(size / Number(cfg["crop_pct"] ?? 0.875)),
    crop: size,
    interpolation: cfg["interpolation"] === "bilinear" ? "bilinear" : "bicubic",
    mean: triple(cfg["mean"], imagenetMean),
    std: triple(cfg["std"], imagenetStd),
  };
}
