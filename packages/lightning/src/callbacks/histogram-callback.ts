import { parseOptions } from "@classifier-training/base";
import type { Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";

export const histogramCallbackOptionsSchema = z.strictObject({
  everyNSteps: z.int().positive().default(100).describe("optimizer steps between two histograms"),
  weights: z.boolean().default(true),
  gradients: z.boolean().default(true),
});

/**
 * Logs histograms of a module's weights and gradients, as `weights/NAME` and `gradients/NAME`, to the loggers that have
 * a place for them. Taken right before the optimizer's step, when the gradients are whole.
 */
export class HistogramCallback extends Callback {
  readonly options: z.output<typeof histogramCallbackOptionsSchema>;
  #lastStep = -1;

  constructor(options: z.input<typeof histogramCallbackOptionsSchema> = {}) {
    super();
    this.options = parseOptions("HistogramCallback", histogramCallbackOptionsSchema, options);
  }

  override get reportsOnly(): boolean {
    return true;
  }

  override onBeforeOptimizerStep(trainer: TrainerView, module: LightningModule): void {
    const step = trainer.globalStep;
    // With several optimizers the first of a step is the one.
    if (step % this.options.everyNSteps !== 0 || step === this.#lastStep) return;
    this.#lastStep = step;
    const loggers = trainer.loggers.filter((logger) => logger.logHistogram !== undefined);
    if (loggers.length === 0) return;
    for (const [name, parameter] of module.namedParameters()) {
      const logged: [string, Tensor | null][] = [
        [`weights/${name}`, this.options.weights ? parameter : null],
        [`gradients/${name}`, this.options.gradients ? parameter.grad : null],
      ];
      for (const [key, tensor] of logged) {
        if (tensor === null) continue;
        const values = tensor.toTypedArray() as ArrayLike<number>;
        for (const logger of loggers) logger.logHistogram?.(key, values, step);
      }
    }
  }
}
