import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { nn, noGrad, scope, type Tensor, tensor } from "@classifier-training/torch";
import { expect } from "vitest";
import { type ImageModel, modelDefinition, parametersByStage, replaceHead } from "../src/index.ts";
import { fillModel, hashInput } from "./hash-fill.ts";

/** What torchvision 0.14 and timm 1.0 have, compute and sample: `make-models-golden.py` wrote it. */
export interface RecordedModel {
  /** Of the state dict, and the hash of its keys and shapes. */
  readonly entries: number;
  readonly sha256: string;
  readonly parameters: number;
  /** Of each parameter; empty for the largest, as `gradNorms` is. */
  readonly init: readonly (readonly [mean: number, std: number])[];
  readonly size: number;
  readonly logits: readonly (readonly number[])[];
  readonly loss: number;
  readonly gradNorms: readonly number[];
}

const file = new URL("fixtures/models.json", import.meta.url);

/** By name, each with 10 classes. */
export const recordedModels = (JSON.parse(readFileSync(file, "utf8")) as { models: Record<string, RecordedModel> })
  .models;

/** Names, shapes, counts, stages and head of a fresh model are those of its original. */
export function checkState(name: string, model: ImageModel): void {
  const { entries, sha256, parameters } = recordedModels[name] as RecordedModel;
  const keys = [...model.stateEntries()].map(([key, { shape }]) => [key, shape]);
  expect(keys).toHaveLength(entries);
  expect(createHash("sha256").update(JSON.stringify(keys)).digest("hex")).toBe(sha256);
  expect(countParameters(model)).toBe(parameters);
  checkPublishedCount(name, model);
  checkStages(model);
}

function countParameters(model: nn.Module): number {
  return [...model.parameters()].reduce((sum, { numel }) => sum + numel, 0);
}

/** With the 1,000 classes, and the images, of the published weights. */
function checkPublishedCount(name: string, model: ImageModel): void {
  const { parameters, patchSize, weights } = modelDefinition(name);
  const state = model.stateDict();
  const features = state.get(`${model.headPath}.weight`)?.shape[1] ?? 0;
  const embedding = state.get("pos_embed") ?? state.get("encoder.pos_embedding");
  const [, tokens = 0, width = 0] = embedding?.shape ?? [];
  const usual = patchSize === undefined ? 0 : 1 + ((weights.at(-1)?.imageSize ?? 0) / patchSize) ** 2;
  expect(countParameters(model) + 990 * (features + 1) + (usual - tokens) * width).toBe(parameters);
}

/** Every parameter is of one stage or the head, whose own are all that `freezeStages("all")` leaves. */
function checkStages(model: ImageModel): void {
  const stages = parametersByStage(model);
  expect(stages.filter(({ parameters }) => parameters.length === 0).map(({ name }) => name)).toEqual([]);
  const head = stages.at(-1)?.parameters.map(([name]) => name);
  expect(head).toEqual([`${model.headPath}.weight`, `${model.headPath}.bias`]);
}

/** The parameters of a fresh model are sampled from the distributions of its original. */
export function checkInitialization(name: string, model: nn.Module): void {
  const { init } = recordedModels[name] as RecordedModel;
  if (init.length === 0) return;
  for (const [i, [key, parameter]] of [...model.namedParameters()].entries()) {
    const [mean, std] = init[i] as [number, number];
    const ours = statistics(parameter);
    const tolerance = 6 / Math.sqrt(parameter.numel);
    expect(Math.abs(ours.std - std), `${key}: std ${ours.std}, torchvision ${std}`).toBeLessThanOrEqual(
      tolerance * std,
    );
    expect(Math.abs(ours.mean - mean), `${key}: mean`).toBeLessThanOrEqual(2 * tolerance * std + 1e-7);
  }
}

/** Filled with the recorded weights, a model has the recorded logits, loss and gradients. */
export function checkNumbers(name: string, model: ImageModel): void {
  const { size, logits, loss, gradNorms } = recordedModels[name] as RecordedModel;
  model.eval();
  fillModel(model);
  scope(() => {
    const output = model.call(hashInput([2, 3, size, size]));
    const actual = output.tolist() as number[][];
    const differences = logits.flatMap((row, i) => row.map((value, k) => Math.abs(value - (actual[i]?.[k] ?? NaN))));
    expect(Math.max(...differences)).toBeLessThan(1e-4);
    const ours = nn.functional.crossEntropy(output, tensor([1, 7], { dtype: "int64" }));
    expect(Math.abs(ours.item() - loss)).toBeLessThan(1e-4);
    ours.backward();
  });
  for (const [i, [key, { grad: gradient }]] of [...model.namedParameters()].entries()) {
    expect(gradient, `${key} takes part in the loss`).not.toBeNull();
    if (gradNorms.length === 0) continue;
    const norm = gradNorms[i] ?? Number.NaN;
    const actual = statistics(gradient as Tensor).norm;
    expect(Math.abs(actual - norm), `gradient of ${key}: ${actual}, torchvision ${norm}`).toBeLessThan(
      1e-4 + 2e-3 * norm,
    );
  }
  model.zeroGrad();
}

/** A head for 7 classes changes nothing else. */
export function checkNewHead(model: ImageModel, input: Tensor): void {
  const keys = () => [...model.stateEntries()].map(([key]) => key);
  const before = keys();
  replaceHead(model, 7);
  expect(keys()).toEqual(before);
  expect(noGrad(() => scope(() => model.call(input).shape))).toEqual([1, 7]);
}

function statistics(parameter: Tensor): { mean: number; std: number; norm: number } {
  return scope(() => {
    const values = parameter.detach();
    const std = values.numel > 1 ? values.std(null, { correction: 0 }).item() : 0;
    return { mean: values.mean().item(), std, norm: values.norm().item() };
  });
}
