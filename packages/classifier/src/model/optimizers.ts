import { CtError, getLogger } from "@classifier-training/base";
import {
  BackboneFinetuning,
  type LrScheduler,
  type OptimizerSpec,
  type TrainerView,
} from "@classifier-training/lightning";
import { optim } from "@classifier-training/torch";
import type { FrozenStages } from "./freezing.ts";
import type { ClassificationModelOptions, PartialTarget } from "./options.ts";
import { groupedParameters, type Optimized } from "./parameter-groups.ts";
import { makeScheduler } from "./schedulers.ts";

const log = getLogger("classifier.model");

/**
 * The optimizer and scheduler that the model's options name; by default the original's AdamW, linear warm-up and cosine
 * decay per epoch. Frozen parameters are left out: whoever thaws them adds a group (`BackboneFinetuning`), except those
 * that `unfreeze` thaws.
 * @param trainer undefined for a model of its own
 */
export async function configureOptimizers(model: Optimized, trainer: TrainerView | undefined): Promise<OptimizerSpec> {
  const { options, frozen } = model;
  refuseTwoThaws(frozen, trainer);
  const epoch = trainer?.currentEpoch ?? 0;
  const make = () => makeOptimizer(model, options);
  const optimizer = frozen === undefined ? make() : frozen.thawed(epoch, make);
  const { scheduler } = options;
  const lrScheduler =
    scheduler === null ? undefined : await makeScheduler(optimizer, { ...options, scheduler }, trainer);
  if (lrScheduler !== undefined) return { optimizer, lrScheduler };
  return {
    optimizer,
    lrScheduler: { scheduler: warmUpAndDecay(optimizer, options, trainer?.maxEpochs ?? -1), interval: "epoch" },
  };
}

function refuseTwoThaws(frozen: FrozenStages | undefined, trainer: TrainerView | undefined): void {
  if (!frozen?.isGradual || !trainer?.callbacks.some((callback) => callback instanceof BackboneFinetuning)) return;
  throw new CtError({
    code: "classifier/unfreeze",
    what: "model.unfreeze and the callback BackboneFinetuning both say when the network is trained",
    where: "model.unfreeze",
    fix: "leave out one of them",
  });
}

/** Rates at which an optimizer fine-tunes, where AdamW's are of another size: the usual one, and those that are not. */
const usualRates: Readonly<Record<string, readonly [usual: number, isOdd: (rate: number) => boolean]>> = {
  SGD: [0.01, (rate) => rate < 2e-3],
  Lion: [1e-4, (rate) => rate > 4e-4],
  Adadelta: [1, (rate) => rate < 0.1],
};

/** `optimizer=sgd` alone has the rate of the model's recipe, which is AdamW's. */
function warnOfOtherRate(target: string | undefined, rate: number): void {
  const name = target?.split(".").at(-1) ?? "";
  const [usual, isOdd] = usualRates[name] ?? [];
  if (usual === undefined || !isOdd?.(rate)) return;
  log.warning(`model.learning_rate=${rate} is rare for ${name}: it often starts at model.learning_rate=${usual}`);
}

function makeOptimizer(model: Optimized, options: ClassificationModelOptions): optim.Optimizer {
  const { learningRate, weightDecay, optimizer } = options;
  // Rprop knows no weight decay.
  const decays = optimizer?.optionNames?.includes("weight_decay") ?? true;
  const given = optimizer?.kwargs ?? {};
  const { lr = learningRate, weight_decay: decay = weightDecay } = given as { lr?: number; weight_decay?: number };
  if (given["lr"] === undefined) warnOfOtherRate(optimizer?.target, lr);
  const groups = groupedParameters(model, { lr, weightDecay: decays ? decay : undefined });
  if (optimizer === null) return new optim.AdamW(groups, { lr, weightDecay: decay });
  const defaults = { lr, ...(decays && { weight_decay: decay }), ...given };
  return call(optimizer, { params: groups, ...defaults }, [groups]) as optim.Optimizer;
}

/** A partial gets what is missing by name; another function in the order of PyTorch's arguments. */
function call(partial: PartialTarget, named: Readonly<Record<string, unknown>>, ordered: readonly unknown[]): unknown {
  return partial.with === undefined ? partial(...ordered) : partial.with(named)();
}

function warmUpAndDecay(
  optimizer: optim.Optimizer,
  { warmupEpochs, warmupStartFactor, cosineEtaMinFactor }: ClassificationModelOptions,
  limit: number,
): LrScheduler {
  if (warmupEpochs === 0 && warmupStartFactor < 1) {
    log.warnOnce(
      `model.warmup_epochs=0 does not switch the warm-up off: as in the original recipe the rate stays at ${warmupStartFactor} of model.learning_rate; set model.warmup_start_factor=1 to train at the whole rate`,
    );
  }
  const maxEpochs = Number.isFinite(limit) && limit > 0 ? limit : 100;
  const { LinearLR, CosineAnnealingLR, SequentialLR } = optim.lrScheduler;
  const rates = new Set(optimizer.paramGroups.map(({ lr }) => lr));
  const lowest = optimizer.paramGroups.map(({ lr }) => lr * cosineEtaMinFactor);
  const warmUp = new LinearLR(optimizer, {
    startFactor: warmupStartFactor,
    endFactor: 1,
    totalIters: Math.max(1, warmupEpochs),
  });
  const decay = new CosineAnnealingLR(optimizer, {
    tMax: Math.max(1, maxEpochs - warmupEpochs),
    etaMin: rates.size === 1 ? (lowest[0] as number) : lowest,
  });
  return new SequentialLR(optimizer, [warmUp, decay], [warmupEpochs]);
}
