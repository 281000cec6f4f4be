import { keep, noGrad, scope, Tensor } from "@classifier-training/torch";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";

/** Remembers weights and optimizers, to put them back after trial steps. */
export function rememberState(trainer: TrainerView, module: LightningModule): () => void {
  const weights = new Map([...module.stateDict()].map(([name, value]) => [name, keep(value.clone())]));
  const optimizers = trainer.optimizers.map((optimizer) => ({ optimizer, saved: cloned(optimizer.stateDict()) }));
  return () => {
    noGrad(() => scope(() => void module.loadStateDict(weights)));
    module.zeroGrad();
    for (const { optimizer, saved } of optimizers) {
      // An optimizer that had not stepped has no state to load back: its new one must go.
      optimizer.state.clear();
      optimizer.loadStateDict(saved);
    }
    for (const value of weights.values()) value.dispose();
  };
}

function cloned(value: unknown): unknown {
  if (value instanceof Tensor) return keep(value.clone());
  if (Array.isArray(value)) return value.map(cloned);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, cloned(item)]));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cloned(item)]));
}

/** One plain step on a batch: forward, backward, update. @returns the loss */
export function trialStep(trainer: TrainerView, module: LightningModule, batch: unknown): number {
  return scope(() => {
    const output = module.trainingStep?.(batch, 0);
    const loss = output instanceof Tensor ? output : (output as { loss?: Tensor } | undefined)?.loss;
    if (loss === undefined) return Number.NaN;
    for (const optimizer of trainer.optimizers) optimizer.zeroGrad();
    loss.backward();
    for (const optimizer of trainer.optimizers) optimizer.step();
    return loss.item();
  });
}
