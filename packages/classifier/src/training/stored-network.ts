import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { CtError, getLogger } from "@classifier-training/base";
import { createDict, type DictConfig, get, select, toContainer } from "@classifier-training/hydra";
import { runPaths } from "@classifier-training/runs";
import { classificationModelTarget, fileModelTarget } from "../model/build.ts";
import type { PreparedImages } from "../model/classification-model.ts";
import { FileNetwork } from "../model/file/file-network.ts";
import { type OpenedCheckpoint, openCheckpoint } from "../model/recipe.ts";
import { checkpointsIn } from "./checkpoints.ts";

const log = getLogger("classifier.train");

/** A model in place of that of a file which is gone. */
export interface StoredNetwork {
  /** The configuration of a classification model that is given the network. */
  readonly node: DictConfig;
  readonly network: FileNetwork;
  readonly checkpoint: string;
  readonly preprocessing: PreparedImages;
}

/** Where checkpoints go, as far as a configuration says it. */
export function checkpointFolder(config: DictConfig): string {
  return String(select(config, "callbacks.model_checkpoint.dirpath") ?? runPaths.checkpoints);
}

/**
 * The network of a model file that is not there any more, as the checkpoints of its training carry it: they can be
 * evaluated, and the training resumes.
 * @param places checkpoints, and folders of them @returns undefined where the file is there, and where no checkpoint is of it
 */
export function storedNetwork(model: DictConfig, places: readonly string[]): StoredNetwork | undefined {
  const source = get(model, "path", null);
  if (get(model, "_target_", null) !== fileModelTarget || typeof source !== "string") return undefined;
  if (/^(npm:|\w+:\/\/)/.test(source) || existsSync(resolve(source))) return undefined;
  const paths = places.flatMap((place) =>
    statSync(place, { throwIfNoEntry: false })?.isFile() ? [place] : checkpointsIn(place).map(({ path }) => path),
  );
  for (const checkpoint of paths) {
    const { model: trained, recipe } = opened(checkpoint) ?? {};
    const network = trained?.model;
    if (recipe === undefined || !(network instanceof FileNetwork) || network.origin.source !== source) continue;
    log.warning(`${source} is gone: its network is taken from ${checkpoint}`);
    const {
      path: _path,
      head: _head,
      preprocessing: _preprocessing,
      unfold_batch_norm: _unfold,
      ...options
    } = toContainer(model, { resolve: true }) as Record<string, unknown>;
    const node = createDict({ ...options, _target_: classificationModelTarget });
    const { normalization, preprocessing: { input_height: height, input_width: width } = {} } = recipe.labels;
    return { node, network, checkpoint, preprocessing: { ...normalization, height, width, from: checkpoint } };
  }
  return undefined;
}

/** Undefined for a damaged checkpoint, and one of another kind: the next one may have the network. */
function opened(checkpoint: string): OpenedCheckpoint | undefined {
  try {
    return openCheckpoint(checkpoint);
  } catch (error) {
    if (CtError.is(error)) return undefined;
    throw error;
  }
}
