import { inferenceMode, noGrad, scope } from "@classifier-training/torch";
import type { FitRun } from "../run/fit-run.ts";
import { isAsyncFunction } from "../run/optimization.ts";
import { limitedBatches } from "../run/resolved-options.ts";
import { BatchSource, EventLoopYielder } from "./batch-source.ts";
import { disposeOutputs, disposeTransferred } from "./dispose.ts";

/** Runs `predictStep` (or the forward pass) over the prediction loaders. */
export class PredictionLoop {
  readonly #run: FitRun;
  batches: readonly number[] = [];

  constructor(run: FitRun) {
    this.#run = run;
  }

  /**
   * @param keepPredictions false when a callback takes them from `onPredictBatchEnd` and nobody wants the list
   * @returns predictions by batch; with several loaders, a list of these
   */
  async run(keepPredictions: boolean): Promise<unknown[]> {
    const { hooks, data, options } = this.#run;
    const loaders = await data.request("predictDataloader");
    this.batches = loaders.map(({ length }) => limitedBatches(length, options.limitPredictBatches, "predict"));
    await hooks.module("onPredictModelEval");
    await hooks.both("onPredictStart");
    await hooks.both("onPredictEpochStart");
    const predictions: unknown[][] = [];
    const yielder = new EventLoopYielder();
    for (const [index, loader] of loaders.entries()) {
      const own: unknown[] = [];
      predictions.push(own);
      const source = new BatchSource(loader, this.batches[index] ?? 0, { epoch: 0, startBatch: 0 });
      try {
        for (let batchIdx = 0; ; batchIdx++) {
          const next = await source.next();
          if (next === undefined) break;
          const output = await this.#batch(
            next.batch,
            batchIdx,
            index,
            loaders.length > 1,
            loader.keepsBatches === true,
          );
          if (keepPredictions) own.push(output);
          else disposeOutputs(output);
          await yielder.maybeYield();
        }
      } finally {
        await source.close();
      }
    }
    await hooks.both("onPredictEpochEnd");
    await hooks.both("onPredictEnd");
    return predictions.length === 1 ? (predictions[0] ?? []) : predictions;
  }

  async #batch(original: unknown, batchIdx: number, index: number, several: boolean, keep: boolean): Promise<unknown> {
    const { hooks, data, strategy, precision, module, options } = this.#run;
    const batch = await data.transfer(original, strategy.rootDevice, precision.inputDtype, index);
    const where = (several ? [batchIdx, index] : [batchIdx]) as unknown as readonly [number];
    await hooks.both("onPredictBatchStart", batch, ...where);
    const withoutGrad = options.inferenceMode ? inferenceMode : noGrad;
    const step = () => {
      if (module.predictStep === undefined) return module.forward(batch as never);
      return hooks.module("predictStep", batch, ...where);
    };
    const output = isAsyncFunction(module.predictStep)
      ? await step()
      : withoutGrad(() => scope(() => precision.forward(step)));
    await hooks.both("onPredictBatchEnd", output, batch, ...where);
    if (!keep) disposeTransferred(original, batch);
    return output;
  }
}
