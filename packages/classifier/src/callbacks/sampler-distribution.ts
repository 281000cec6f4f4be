import { getLogger } from "@classifier-training/base";
import type { TrainerView } from "@classifier-training/lightning";
import { classificationData, countLabels } from "../data/classification-datamodule.ts";
import { renderTable } from "../drawing/table.ts";
import { RunReportCallback } from "./run-report.ts";

const log = getLogger("classifier.callbacks.sampler");

/** After each training epoch with a weighted sampler: how often each class was sampled, beside uniform sampling. */
export class SamplerDistributionCallback extends RunReportCallback {
  override onTrainEpochEnd(trainer: TrainerView): void {
    const data = classificationData(trainer.datamodule);
    const sampled = data?.drawnIndices();
    if (data === undefined || sampled === undefined || sampled.length === 0) return;
    const samples = data.samples("train");
    const counts = countLabels(
      sampled.flatMap((index) => samples[index] ?? []),
      data.numClasses,
    );
    const even = counts.reduce((sum, count) => sum + count, 0) / data.numClasses;
    const rows = data.classNames.map((name, i) => [
      name,
      counts[i] ?? 0,
      even.toFixed(0),
      `${((counts[i] ?? 0) / even).toFixed(2)}x`,
    ]);
    log.detail(
      renderTable(
        `Sampler, epoch ${trainer.currentEpoch + 1}: ${sampled.length} samples`,
        ["class", "sampled", "uniform", "ratio"],
        rows,
      ),
    );
  }
}
