import { suggestion } from "@classifier-training/base";
import { nn, type Tensor } from "@classifier-training/torch";
import { ModelError } from "./errors.ts";
import type { ImageModel } from "./image-model.ts";
import { isUnder, moduleAt } from "./paths.ts";

/** Parameters of the stages and the head, in the order of the data. */
export interface StageParameters {
  /** A stage's name, or `head`. */
  readonly name: string;
  readonly parameters: readonly (readonly [name: string, parameter: Tensor])[];
}

/** Sorts every parameter into its stage; what belongs to none (the head, or one added later) is `head`. */
export function parametersByStage(model: ImageModel): StageParameters[] {
  const groups = [...model.stages, { name: "head", modules: [] }].map(({ name, modules }) => ({
    name,
    modules,
    parameters: [] as (readonly [string, Tensor])[],
  }));
  for (const [name, parameter] of model.namedParameters()) {
    const group = groups.find(({ modules }) => modules.some((path) => isUnder(name, path))) ?? groups.at(-1);
    group?.parameters.push([name, parameter]);
  }
  return groups.map(({ name, parameters }) => ({ name, parameters }));
}

/**
 * Freezes stages: their parameters take no gradient, and their batch normalization goes by the stored statistics
 * whatever `train()` says, and no longer updates them. All others are thawed.
 * @param chosen the last of the first stages that are frozen; `"all"` leaves only the head to train, `"none"` thaws; or a
 *   list of their names
 * @returns the number of parameter values that train.
 * @throws ModelError for an unknown stage, naming the nearest.
 */
export function freezeStages(model: ImageModel, chosen: string | readonly string[]): number {
  const names = model.stages.map(({ name }) => name);
  const listed = typeof chosen === "string" ? firstStages(names, chosen) : chosen;
  const unknown = listed.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new ModelError({
      code: "models/stage",
      what: `unknown stage '${unknown}'`,
      fix: suggestion(unknown, typeof chosen === "string" ? [...names, "all", "none"] : names),
    });
  }
  const frozen = new Set(listed);
  let trainable = 0;
  for (const { name, parameters } of parametersByStage(model)) {
    for (const [, parameter] of parameters) {
      parameter.requiresGrad = !frozen.has(name);
      if (parameter.requiresGrad) trainable += parameter.numel;
    }
  }
  for (const stage of model.stages) {
    for (const norm of batchNormsOf(model, stage.modules)) {
      if (frozen.has(stage.name)) holdInEval(norm);
      else release(norm, model.training);
    }
  }
  return trainable;
}

function firstStages(names: readonly string[], upTo: string): readonly string[] {
  if (upTo === "all") return names;
  if (upTo === "none") return [];
  return names.includes(upTo) ? names.slice(0, names.indexOf(upTo) + 1) : [upTo];
}

function* batchNormsOf(model: ImageModel, paths: readonly string[]): Generator<nn.BatchNorm2d> {
  const parameters = new Set([...model.namedParameters()].map(([name]) => name));
  for (const path of paths) {
    if (parameters.has(path)) continue;
    for (const module of moduleAt(model, path).modules()) if (module instanceof nn.BatchNorm2d) yield module;
  }
}

/** `train()` of any module around it sets the flag of each module inside: here the assignment has no effect. */
function holdInEval(module: nn.BatchNorm2d): void {
  const held = { get: () => false, set: () => {}, enumerable: true, configurable: true };
  Object.defineProperty(module, "training", held);
}

function release(module: nn.BatchNorm2d, training: boolean): void {
  if (Object.getOwnPropertyDescriptor(module, "training")?.get === undefined) return;
  const plain = { value: training, writable: true, enumerable: true, configurable: true };
  Object.defineProperty(module, "training", plain);
}
