import { z } from "zod";
import { optionError, parseOptions } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import { LRScheduler, perGroup, type ScheduledOptimizer } from "./scheduler.ts";

export const cosineAnnealingLrOptionsSchema = z.strictObject({
  tMax: z.int().min(1).describe("epochs from the base rate to the lowest"),
  etaMin: z
    .union([z.number(), z.array(z.number())])
    .default(0)
    .describe("the lowest rate; PyTorch knows one, here each parameter group may have its own"),
  lastEpoch: z.int().default(-1),
});

/** Half a cosine from the base rate to `etaMin` in `tMax` epochs, and back in the next (SGDR without restarts). */
export class CosineAnnealingLR extends LRScheduler {
  protected readonly TMax: number;
  protected readonly etaMin: number | number[];

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof cosineAnnealingLrOptionsSchema>) {
    const { tMax, etaMin, lastEpoch } = parseOptions("CosineAnnealingLR", cosineAnnealingLrOptionsSchema, options);
    super(optimizer, lastEpoch);
    this.TMax = tMax;
    this.etaMin =
      typeof etaMin === "number" ? etaMin : perGroup("CosineAnnealingLR", "etaMin", etaMin, this.baseLrs.length);
    this.initialStep();
  }

  private lowest(index: number): number {
    return typeof this.etaMin === "number" ? this.etaMin : (this.etaMin[index] ?? 0);
  }

  protected override lrOf(group: ParamGroup, base: number, index: number): number {
    const { lastEpoch, TMax } = this;
    const etaMin = this.lowest(index);
    if (lastEpoch === 0) return group.lr;
    if (this.stepCount === 1) return this.closedFormLrOf(group, base, index);
    if ((lastEpoch - 1 - TMax) % (2 * TMax) === 0) {
      return group.lr + ((base - etaMin) * (1 - Math.cos(Math.PI / TMax))) / 2;
    }
    const fall = (1 + Math.cos((Math.PI * lastEpoch) / TMax)) / (1 + Math.cos((Math.PI * (lastEpoch - 1)) / TMax));
    return fall * (group.lr - etaMin) + etaMin;
  }

  protected override closedFormLrOf(_: ParamGroup, base: number, index: number): number {
    const etaMin = this.lowest(index);
    return etaMin + ((base - etaMin) * (1 + Math.cos((Math.PI * this.lastEpoch) / this.TMax))) / 2;
  }
}

export const cosineAnnealingWarmRestartsOptionsSchema = z.strictObject({
  t0: z.int().min(1).describe("epochs of the first cycle"),
  tMult: z.int().min(1).default(1).describe("each cycle is this many times as long as the one before"),
  etaMin: z.number().default(0).describe("the lowest rate"),
  lastEpoch: z.int().default(-1),
});

/** A cosine that starts over at the end of each cycle (Loshchilov and Hutter, "SGDR", 2017). */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  protected readonly T0: number;
  protected readonly TMult: number;
  protected readonly etaMin: number;
  /** Length of the cycle in force, and the position in it. */
  protected TI: number;
  protected TCur: number;

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof cosineAnnealingWarmRestartsOptionsSchema>) {
    const name = "CosineAnnealingWarmRestarts";
    const { t0, tMult, etaMin, lastEpoch } = parseOptions(name, cosineAnnealingWarmRestartsOptionsSchema, options);
    super(optimizer, lastEpoch);
    this.T0 = t0;
    this.TMult = tMult;
    this.etaMin = etaMin;
    this.TI = t0;
    this.TCur = lastEpoch;
    this.initialStep();
  }

  protected override lrOf(_: ParamGroup, base: number): number {
    return this.etaMin + ((base - this.etaMin) * (1 + Math.cos((Math.PI * this.TCur) / this.TI))) / 2;
  }

  /** @param epoch may be fractional, e.g. `epoch + batch / batches`, to follow the cosine within an epoch. */
  override step(epoch?: number): void {
    this.stepCount++;
    const target = epoch ?? (this.lastEpoch < 0 ? 0 : undefined);
    if (target === undefined) {
      this.lastEpoch++;
      this.TCur++;
      if (this.TCur >= this.TI) {
        this.TCur -= this.TI;
        this.TI *= this.TMult;
      }
    } else {
      this.jumpTo(target);
    }
    this.apply((group, base) => this.lrOf(group, base));
  }

  private jumpTo(epoch: number): void {
    if (epoch < 0) throw optionError("CosineAnnealingWarmRestarts", `epoch ${epoch} is negative`);
    const { T0, TMult } = this;
    this.lastEpoch = Math.floor(epoch);
    this.TI = T0;
    this.TCur = epoch;
    if (epoch < T0) return;
    if (TMult === 1) {
      this.TCur = epoch % T0;
      return;
    }
    while (this.TCur >= this.TI) {
      this.TCur -= this.TI;
      this.TI *= TMult;
    }
  }
}
