import { getLogger, parseOptions } from "@classifier-training/base";
import { nn } from "@classifier-training/torch";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

const log = getLogger("lightning.finetuning");

export const backboneFinetuningOptionsSchema = z.strictObject({
  /** The epoch (from 0) at which the backbone starts to train. */
  unfreezeBackboneAtEpoch: z.int().min(0).default(10),
  /** By how much the backbone's rate grows per epoch after that: a number, or a function of the epoch. */
  lambdaFunc: z
    .union([z.number().positive(), z.custom<(epoch: number) => number>((value) => typeof value === "function")])
    .default(2),
  /** The backbone's first rate, as a fraction of the head's. */
  backboneInitialRatioLr: z.number().positive().default(0.1),
  backboneInitialLr: z.number().positive().nullable().default(null),
  /** Whether the backbone's rate stops growing at the head's. */
  shouldAlign: z.boolean().default(true),
  /** Accepted for Lightning's configurations: it divides a rate that is not given, and the backbone's always is. */
  initialDenomLr: z.number().positive().default(10),
  /** Whether the backbone's batch norms get into the optimizer with the rest; they are never frozen. */
  trainBn: z.boolean().default(true),
  verbose: z.boolean().default(false),
  rounding: z.int().min(0).default(12),
});

/** The part of a network that is frozen at first: an `nn.Module`, or what stands for several of them. */
export interface Backbone {
  parameters(): Iterable<nn.Parameter>;
  modules(): Iterable<nn.AnyModule>;
}

/** Trains the head alone at first, then the module's `backbone` too, at a rate that grows to the head's. */
export class BackboneFinetuning extends Callback {
  readonly #options: z.infer<typeof backboneFinetuningOptionsSchema>;
  #previousLr: number | undefined;
  #unfrozen = false;

  constructor(options: z.input<typeof backboneFinetuningOptionsSchema> = {}) {
    super();
    this.#options = parseOptions("BackboneFinetuning", backboneFinetuningOptionsSchema, options);
  }

  override setup(_trainer: TrainerView, module: LightningModule, stage: TrainerFn): void {
    if (stage !== "fit") return;
    for (const parameter of exceptBatchNorms(backboneOf(module))) parameter.requiresGrad = false;
  }

  /** A run resumed after the unfreezing: the optimizer's state has the backbone's group already. */
  override onFitStart(trainer: TrainerView, module: LightningModule): void {
    if (this.#unfrozen) this.#unfreeze(trainer, module, this.#previousLr ?? 0);
  }

  override onTrainEpochStart(trainer: TrainerView, module: LightningModule): void {
    const { unfreezeBackboneAtEpoch, backboneInitialLr, backboneInitialRatioLr } = this.#options;
    const groups = (trainer.optimizers[0]?.paramGroups ?? []) as { lr: number }[];
    const headLr = groups[0]?.lr ?? 0;
    const epoch = trainer.currentEpoch;
    if (epoch === unfreezeBackboneAtEpoch) {
      const lr = backboneInitialLr ?? headLr * backboneInitialRatioLr;
      this.#previousLr = lr;
      this.#unfrozen = true;
      this.#unfreeze(trainer, module, lr);
      this.#say(headLr, lr);
    } else if (epoch > unfreezeBackboneAtEpoch) {
      const grown = this.#grow(epoch + 1) * (this.#previousLr ?? headLr);
      const next = this.#options.shouldAlign && grown > headLr ? headLr : grown;
      const last = groups.at(-1);
      if (last !== undefined && groups.length > 1) last.lr = next;
      this.#previousLr = next;
      this.#say(headLr, next);
    }
  }

  #grow(epoch: number): number {
    const { lambdaFunc } = this.#options;
    return typeof lambdaFunc === "number" ? lambdaFunc : lambdaFunc(epoch);
  }

  #unfreeze(trainer: TrainerView, module: LightningModule, lr: number): void {
    const [optimizer] = trainer.optimizers;
    if (optimizer === undefined) return;
    const known = new Set(optimizer.paramGroups.flatMap((group) => [...group.params]));
    const backbone = backboneOf(module);
    const all = [...backbone.parameters()];
    for (const parameter of all) parameter.requiresGrad = true;
    const wanted = this.#options.trainBn ? all : exceptBatchNorms(backbone);
    const params = [...wanted].filter((parameter) => !known.has(parameter));
    if (params.length > 0) optimizer.addParamGroup({ params, lr });
  }

  #say(headLr: number, backboneLr: number): void {
    if (!this.#options.verbose) return;
    const { rounding } = this.#options;
    log.info(`Current lr: ${+headLr.toFixed(rounding)}, backbone lr: ${+backboneLr.toFixed(rounding)}`);
  }

  override stateDict(): Record<string, unknown> {
    return { previousLr: this.#previousLr ?? null, unfrozen: this.#unfrozen };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#previousLr = (state["previousLr"] as number | null) ?? undefined;
    this.#unfrozen = state["unfrozen"] === true;
  }
}

/** @throws MisconfigurationError for a module without a backbone */
function backboneOf(module: LightningModule): Backbone {
  const { backbone } = module as { backbone?: Partial<Backbone> };
  if (typeof backbone?.parameters === "function" && typeof backbone.modules === "function") return backbone as Backbone;
  throw new MisconfigurationError(
    "The LightningModule should have a nn.Module `backbone` attribute",
    "add a property `backbone` to it: the part of the network that is frozen at first",
  );
}

function exceptBatchNorms(backbone: Backbone) {
  const parameters = new Set(backbone.parameters());
  for (const part of backbone.modules()) {
    if (part instanceof nn.BatchNorm2d || part instanceof nn.BatchNorm1d) {
      for (const parameter of part.parameters()) parameters.delete(parameter);
    }
  }
  return parameters;
}
