import { type Problem, parseOptions } from "@classifier-training/base";
import type { z } from "zod";
import { ModelError } from "./errors.ts";
import type { ImageModel } from "./image-model.ts";
import type { PublishedWeights } from "./published-weights.ts";

/** Model options as YAML or a caller gives them; each model's schema says which it takes. */
export type ModelOptions = Readonly<Record<string, unknown>>;

/** What a state dict of timm is turned into torchvision's names by. */
export type KeyMapping = (name: string) => string | undefined;

export interface OwnWeights {
  /** @returns their file @throws CtError where it is not installed, with the command that does it */
  path(): string;
  /** Fills a new model with them. */
  load(model: ImageModel, path: string): Promise<void>;
}

/** All that the registry knows of a model. */
export interface ModelDefinition {
  readonly name: string;
  readonly family: string;
  /**
   * Whose names its parameters have, and where a configuration finds it: `torchvision.models.NAME`, `timm.models.NAME`. `own`
   * is of neither: `model.network=NAME` chooses it.
   */
  readonly library: "torchvision" | "timm" | "own";
  /** Parameters with 1000 classes. */
  readonly parameters: number;
  /** Smallest side of an input that can be computed at all, pixels; below 32 most see a single position at the end. */
  readonly minSize: number;
  /** Side of the patches of a model that is built for one size of images, which patches have to divide. */
  readonly patchSize: number | undefined;
  /** The options that the model takes, with their defaults. */
  readonly options: z.ZodObject;
  readonly weights: readonly PublishedWeights[];
  /** timm's name of the same network. */
  readonly timmName: string | undefined;
  /** torchvision's name of a parameter for timm's, where they differ. */
  readonly fromTimm: KeyMapping | undefined;
  /** Epsilon of batch normalization that timm's weights were trained with, where it differs from torchvision's. */
  readonly timmBatchNormEps: number | undefined;
  /** Weights that a package has, in place of published ones. */
  readonly ownWeights: OwnWeights | undefined;
  build(options: ModelOptions): ImageModel;
}

export interface DefineModel<Schema extends z.ZodObject> {
  readonly name: string;
  readonly family: string;
  readonly library?: "torchvision" | "timm" | "own";
  readonly parameters: number;
  readonly minSize?: number;
  readonly patchSize?: number;
  readonly options: Schema;
  readonly weights: readonly PublishedWeights[];
  readonly timmName?: string;
  readonly fromTimm?: KeyMapping;
  readonly timmBatchNormEps?: number;
  readonly ownWeights?: OwnWeights;
  readonly build: (options: z.output<Schema>) => ImageModel;
}

/** Makes a registry entry: its `build` checks the options by the schema first. */
export function defineModel<Schema extends z.ZodObject>(definition: DefineModel<Schema>): ModelDefinition {
  const { name, options: schema, build, minSize = 1, library = "torchvision" } = definition;
  const { patchSize, timmName, fromTimm, timmBatchNormEps, ownWeights } = definition;
  return {
    ...definition,
    library,
    minSize,
    patchSize,
    timmName,
    fromTimm,
    timmBatchNormEps,
    ownWeights,
    build(options) {
      const fail = (problem: Omit<Problem, "code">) => new ModelError({ code: "models/options", ...problem });
      return build(parseOptions(name, schema, options, fail));
    },
  };
}
