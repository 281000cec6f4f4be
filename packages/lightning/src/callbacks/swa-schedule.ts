import type { optim } from "@classifier-training/torch";
import type { LrScheduler } from "../core/optimizers.ts";

export interface SwaScheduleOptions {
  /** One for each parameter group. */
  readonly swaLrs: readonly number[];
  /** Steps until the rates are `swaLrs`. */
  readonly annealingEpochs: number;
  readonly annealingStrategy: "cos" | "linear";
}

/**
 * Brings learning rates from where they are to constant ones: PyTorch's `SWALR`. After step k the rate is
 * `swaLr * a + initialLr * (1 - a)`, with a = t (linear) or (1 - cos(pi t)) / 2 (cos) and t = k / annealingEpochs up to 1.
 */
export class SwaSchedule implements LrScheduler {
  readonly optimizer: optim.lrScheduler.ScheduledOptimizer;
  readonly #options: SwaScheduleOptions;
  #initialLrs: readonly number[];
  #steps = 0;

  constructor(optimizer: optim.lrScheduler.ScheduledOptimizer, options: SwaScheduleOptions) {
    this.optimizer = optimizer;
    this.#options = options;
    this.#initialLrs = optimizer.paramGroups.map(({ lr }) => lr);
    this.#apply();
  }

  step(): void {
    this.#steps++;
    this.#apply();
  }

  #apply(): void {
    const { swaLrs, annealingEpochs, annealingStrategy } = this.#options;
    const t = annealingEpochs === 0 ? 1 : Math.min(1, this.#steps / annealingEpochs);
    const alpha = annealingStrategy === "linear" ? t : (1 - Math.cos(Math.PI * t)) / 2;
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      const initial = this.#initialLrs[i] ?? group.lr;
      group.lr = (swaLrs[i] ?? initial) * alpha + initial * (1 - alpha);
    }
  }

  getLastLr(): readonly number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  stateDict(): Record<string, unknown> {
    return { steps: this.#steps, initialLrs: [...this.#initialLrs] };
  }

  loadStateDict({ steps, initialLrs }: Record<string, unknown>): void {
    this.#steps = Number(steps ?? 0);
    if (Array.isArray(initialLrs)) this.#initialLrs = initialLrs.map(Number);
    this.#apply();
  }
}
