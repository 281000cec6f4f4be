import { parseOptions } from "@classifier-training/base";
import { isFloatingPoint, keep, noGrad, ops, type optim, scope, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { tensorBytes } from "../utilities/tensor-trees.ts";

export const emaOptionsSchema = z.strictObject({
  /** The weight of the past, once enough steps are taken. */
  decay: z.number().min(0).max(1).default(0.9999),
  /** Accepted for the configurations of the original, which never read it: the decay warms up by itself. */
  warmupSteps: z.int().min(0).nullable().default(null),
});
export type EMAOptions = z.input<typeof emaOptionsSchema>;

/**
 * A moving average of the weights, used for validation and test and kept in checkpoints. After training batch t (from
 * 1): decay' = min(decay, (1 + t) / (10 + t)); floating-point entries of the state dict become
 * average * decay' + live * (1 - decay'), the others are copied.
 *
 * In a checkpoint `stateDict` holds the average (the weights that were measured), `trainingStateDict` the live ones.
 */
export class EMACallback extends Callback {
  readonly decay: number;
  #average: Map<string, Tensor> | undefined;
  /** The live weights while the average is in their place. */
  #live: Map<string, Tensor> | undefined;
  #steps = 0;
  /** Entries that the optimizer has averaged with this batch's step. */
  #averagedInStep = new Set<string>();

  constructor(options: EMAOptions = {}) {
    super();
    this.decay = parseOptions("EMACallback", emaOptionsSchema, options).decay;
  }

  /** Batches averaged so far. */
  get steps(): number {
    return this.#steps;
  }

  /** The averaged weights by state-dict key; undefined before training. They are the callback's: clone to keep. */
  get average(): ReadonlyMap<string, Tensor> | undefined {
    return this.#average;
  }

  /** The decay of a step, counted from 1. */
  decayAt(step: number): number {
    return Math.min(this.decay, (1 + step) / (10 + step));
  }

  override onFitStart(_trainer: TrainerView, module: LightningModule): void {
    this.begin(module);
  }

  /** Starts from the module's weights, unless there is an average already. */
  begin(module: LightningModule): void {
    this.#average ??= copyOf(module.stateDict());
  }

  /** Parameters that get a gradient are averaged by the optimizer, where it can; the rest follows in `update`. */
  override averagesInStep(
    module: LightningModule,
    optimizer: optim.Optimizer,
  ): { averages: ReadonlyMap<Tensor, Tensor>; decay: number } {
    this.begin(module);
    const stepped = new Set(optimizer.paramGroups.flatMap((group) => [...group.params]));
    const averages = new Map<Tensor, Tensor>();
    this.#averagedInStep = new Set<string>();
    for (const [name, parameter] of module.namedParameters()) {
      const average = this.#average?.get(name);
      if (average === undefined || parameter.grad === null || !stepped.has(parameter)) continue;
      averages.set(parameter, average);
      this.#averagedInStep.add(name);
    }
    return { averages, decay: this.decayAt(this.#steps + 1) };
  }

  override onTrainBatchEnd(_trainer: TrainerView, module: LightningModule): void {
    this.update(module);
  }

  /** Takes the module's weights into the average. */
  update(module: LightningModule): void {
    const decay = this.decayAt(++this.#steps);
    this.begin(module);
    const average = this.#average ?? new Map<string, Tensor>();
    const done = this.#averagedInStep;
    this.#averagedInStep = new Set<string>();
    scope(() =>
      noGrad(() => {
        const averaged: Tensor[] = [];
        const live: Tensor[] = [];
        for (const [name, value] of module.stateDict()) {
          const own = average.get(name);
          if (own === undefined || done.has(name)) continue;
          if (isFloatingPoint(own.dtype)) {
            averaged.push(own);
            live.push(value);
          } else own.copy_(value);
        }
        if (averaged.length === 0) return;
        ops.aten["_foreach_mul_.Scalar"]?.(averaged, decay);
        ops.aten["_foreach_add_.List"]?.(averaged, live, { alpha: 1 - decay });
      }),
    );
  }

  // --- In place of the live weights ---

  override onValidationStart(trainer: TrainerView, module: LightningModule): void {
    this.#swapIn(trainer, module);
  }
  override onValidationEnd(_trainer: TrainerView, module: LightningModule): void {
    this.#swapBack(module);
  }
  override onTestStart(trainer: TrainerView, module: LightningModule): void {
    this.#swapIn(trainer, module);
  }
  override onTestEnd(_trainer: TrainerView, module: LightningModule): void {
    this.#swapBack(module);
  }
  override onPredictStart(trainer: TrainerView, module: LightningModule): void {
    this.#swapIn(trainer, module);
  }
  override onPredictEnd(_trainer: TrainerView, module: LightningModule): void {
    this.#swapBack(module);
  }
  override onException(_trainer: TrainerView, module: LightningModule): void {
    this.#swapBack(module);
  }

  #swapIn(trainer: TrainerView, module: LightningModule): void {
    // Weights that were loaded from a checkpoint for an evaluation are the average of then: not to be replaced.
    const loaded = trainer.fn !== "fit" && trainer.ckptPath !== undefined;
    if (this.#average === undefined || this.#live !== undefined || loaded) return;
    this.#live = copyOf(module.stateDict());
    copyInto(module, this.#average);
  }

  #swapBack(module: LightningModule): void {
    if (this.#live === undefined) return;
    copyInto(module, this.#live);
    for (const tensor of this.#live.values()) tensor.dispose();
    this.#live = undefined;
  }

  // --- Checkpoints ---

  override checkpointBytes(): number {
    return tensorBytes(this.#average);
  }

  override onSaveCheckpoint(_trainer: TrainerView, module: LightningModule, checkpoint: Checkpoint): void {
    if (this.#average === undefined) return;
    checkpoint.trainingStateDict = this.#live ?? module.stateDict();
    checkpoint.stateDict = new Map(this.#average);
  }

  override onLoadCheckpoint(_trainer: TrainerView, _module: LightningModule, checkpoint: Checkpoint): void {
    for (const tensor of this.#average?.values() ?? []) tensor.dispose();
    this.#average = copyOf(checkpoint.stateDict);
  }

  override stateDict(): Record<string, unknown> {
    return { steps: this.#steps, decay: this.decay };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#steps = Number(state["steps"] ?? 0);
  }
}

function copyOf(weights: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return noGrad(() => new Map([...weights].map(([name, tensor]) => [name, keep(tensor.detach().clone())])));
}

function copyInto(module: LightningModule, weights: ReadonlyMap<string, Tensor>): void {
  scope(() =>
    noGrad(() => {
      for (const [name, own] of module.stateDict()) {
        const value = weights.get(name);
        if (value !== undefined) own.copy_(value);
      }
    }),
  );
}
