import { getLogger } from "@classifier-training/base";
import type { TrainerView } from "@classifier-training/lightning";
import { percent } from "@classifier-training/runs";
import { classificationData, countLabels, type SampleInfo } from "../data/classification-datamodule.ts";
import { renderTable } from "../drawing/table.ts";
import { RunReportCallback } from "./run-report.ts";

const log = getLogger("classifier.callbacks.statistics");

/** At the start of training: how many samples each class has in each split, and what the annotations tell of them. */
export class DatasetStatisticsCallback extends RunReportCallback {
  override onFitStart(trainer: TrainerView): void {
    const data = classificationData(trainer.datamodule);
    if (data === undefined) {
      log.warning("no classification data module: dataset statistics are skipped");
      return;
    }
    const train = data.samples("train");
    const counts = countLabels(train, data.numClasses);
    const valid = countLabels(data.samples("val"), data.numClasses);
    const rows = data.classNames.map((name, i) => [
      name,
      i,
      counts[i] ?? 0,
      percent((counts[i] ?? 0) / Math.max(1, train.length)),
      valid[i] ?? 0,
    ]);
    log.detail(
      renderTable(
        `Dataset: ${train.length} training samples, ${data.numClasses} classes`,
        ["class", "index", "train", "fraction", "valid"],
        rows,
      ),
    );
    const metadata = metadataRows(train);
    if (metadata.length > 0)
      log.detail(renderTable("Metadata of the training samples", ["key", "value", "count"], metadata));
  }
}

/** Counts of the commonest values of each metadata key. */
function metadataRows(samples: readonly SampleInfo[]): (string | number)[][] {
  const counts = new Map<string, Map<string, number>>();
  for (const { metadata } of samples) {
    for (const [key, value] of Object.entries(metadata ?? {})) {
      const values = counts.get(key) ?? new Map<string, number>();
      counts.set(key, values.set(String(value), (values.get(String(value)) ?? 0) + 1));
    }
  }
  return [...counts].flatMap(([key, values]) =>
    [...values]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 12)
      .map(([value, count], i) => [i === 0 ? key : "", value, count]),
  );
}
