import { suggestion } from "@classifier-training/base";
import type { ModelDefinition, ModelOptions } from "./definition.ts";
import { definitions } from "./definitions.ts";
import { ModelError } from "./errors.ts";
import type { ImageModel } from "./image-model.ts";

const byName = new Map(definitions.map((definition) => [definition.name, definition]));

/** Adds a model of your own: from then on `createModel` and the configuration know its name. */
export function registerModel(definition: ModelDefinition): void {
  byName.set(definition.name, definition);
}

/** Names of the models that can be made. */
export function listModels(): string[] {
  return [...byName.keys()];
}

/**
 * What is known of a model without making it.
 * @throws ModelError `models/unknown`, naming the nearest.
 */
export function modelDefinition(name: string): ModelDefinition {
  const definition = byName.get(name);
  if (definition !== undefined) return definition;
  throw new ModelError({
    code: "models/unknown",
    what: `unknown model '${name}'`,
    fix: suggestion(name, listModels()),
  });
}

/**
 * Makes a model with torchvision's initialization.
 * @param options What the model's schema takes: `numClasses` (default 1000) in all of them.
 * @throws ModelError for an unknown name or option.
 */
export function createModel(name: string, options: ModelOptions = {}): ImageModel {
  return modelDefinition(name).build(options);
}
