import { getLogger } from "@classifier-training/base";
import type { LightningModule, LrScheduler, OptimizerSpec } from "@classifier-training/lightning";
import { optim } from "@classifier-training/torch";
import type { ClassificationModelOptions, PartialTarget } from "./options.ts";

/** A module whose options say how it is optimized. */
type Optimized = LightningModule & { readonly options: ClassificationModelOptions };

const log = getLogger("classifier.model");

/** Schedulers that describe a rate per step and not per epoch, as their documentation in PyTorch says. */
const perStep = ["OneCycleLR", "CyclicLR"];

/**
 * The optimizer and scheduler that the model's options name; by default the original's AdamW, linear warm-up and cosine
 * decay per epoch. Frozen parameters are left out: whoever thaws them adds a group (`BackboneFinetuning`).
 * @param limit `maxEpochs` of the trainer; -1 or Infinity where there is none
 */
export function configureOptimizers(model: Optimized, limit: number): OptimizerSpec {
  const { options } = model;
  const optimizer = makeOptimizer(model, options);
  if (options.scheduler === null) {
    return { optimizer, lrScheduler: { scheduler: warmUpAndDecay(optimizer, options, limit), interval: "epoch" } };
  }
  const scheduler = call(options.scheduler, { optimizer }, [optimizer]) as LrScheduler;
  const interval = perStep.includes(scheduler.constructor.name) ? "step" : "epoch";
  return { optimizer, lrScheduler: { scheduler, interval, monitor: options.schedulerMonitor } };
}

function makeOptimizer(model: Optimized, options: ClassificationModelOptions): optim.Optimizer {
  const { learningRate, weightDecay, noDecayOnNorms, optimizer } = options;
  // Rprop knows no weight decay.
  const decays = optimizer?.optionNames?.includes("weight_decay") ?? true;
  const groups =
    noDecayOnNorms && decays
      ? optim.noDecayGroups(model, weightDecay).map((group) => ({ ...group, params: trained(group.params) }))
      : trained(model.parameters());
  if (optimizer === null) return new optim.AdamW(groups, { lr: learningRate, weightDecay });
  const defaults = { lr: learningRate, ...(decays && { weight_decay: weightDecay }), ...optimizer.kwargs };
  return call(optimizer, { params: groups, ...defaults }, [groups]) as optim.Optimizer;
}

/** A partial gets what is missing by name; another function in the order of PyTorch's arguments. */
function call(partial: PartialTarget, named: Readonly<Record<string, unknown>>, ordered: readonly unknown[]): unknown {
  return partial.with === undefined ? partial(...ordered) : partial.with(named)();
}

function trained<P extends { readonly requiresGrad: boolean }>(parameters: Iterable<P>): P[] {
  return [...parameters].filter(({ requiresGrad }) => requiresGrad);
}

function warmUpAndDecay(
  optimizer: optim.Optimizer,
  { learningRate, warmupEpochs, warmupStartFactor, cosineEtaMinFactor }: ClassificationModelOptions,
  limit: number,
): LrScheduler {
  if (warmupEpochs === 0 && warmupStartFactor < 1) {
    log.warnOnce(
      `model.warmup_epochs=0 does not switch the warm-up off: as in the original recipe the rate stays at ${warmupStartFactor} of model.learning_rate; set model.warmup_start_factor=1 to train at the whole rate`,
    );
  }
  const maxEpochs = Number.isFinite(limit) && limit > 0 ? limit : 100;
  const { LinearLR, CosineAnnealingLR, SequentialLR } = optim.lrScheduler;
  const warmUp = new LinearLR(optimizer, {
    startFactor: warmupStartFactor,
    endFactor: 1,
    totalIters: Math.max(1, warmupEpochs),
  });
  const decay = new CosineAnnealingLR(optimizer, {
    tMax: Math.max(1, maxEpochs - warmupEpochs),
    etaMin: learningRate * cosineEtaMinFactor,
  });
  return new SequentialLR(optimizer, [warmUp, decay], [warmupEpochs]);
}
