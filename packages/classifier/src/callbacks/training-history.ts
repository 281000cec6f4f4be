import { join } from "node:path";
import { writeFileAtomic } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import { historyPaths, runPaths } from "@classifier-training/runs";
import { z } from "zod";
import { drawLineChart, type Line } from "../drawing/line-chart.ts";
import { RunReportCallback } from "./run-report.ts";

export const trainingHistoryOptionsSchema = z.strictObject({ outputDir: z.string().default("outputs") });

interface Plot {
  readonly title: string;
  readonly yLabel: string;
  readonly lines: readonly (readonly [label: string, metric: string])[];
}

const curves: Readonly<Record<keyof typeof historyPaths, Plot>> = {
  loss: {
    title: "Training and validation loss",
    yLabel: "loss",
    lines: [
      ["train loss", "train/loss_epoch"],
      ["val loss", "val/loss"],
    ],
  },
  accuracy: {
    title: "Accuracy",
    yLabel: "accuracy",
    lines: [
      ["val top-1", "val/acc_top1"],
      ["val top-5", "val/acc_top5"],
      ["train top-1", "train/acc_top1"],
    ],
  },
};

/** What a multilabel training has in place of accuracy. */
const labelCurves: Plot = {
  title: "mAP and F1",
  yLabel: "score",
  lines: [
    ["val mAP", "val/mAP"],
    ["val F1 macro", "val/f1_macro"],
    ["val F1 micro", "val/f1_micro"],
    ["train F1 micro", "train/f1_micro"],
  ],
};

function curvesOf(metrics: Readonly<Record<string, number>>): typeof curves {
  return "val/mAP" in metrics ? { ...curves, accuracy: labelCurves } : curves;
}

interface EpochRow {
  readonly epoch: number;
  readonly values: Readonly<Record<string, number | null>>;
}

/** Plots `training_history/loss_history.png` and `accuracy_history.png` after each epoch, the one just ended included. */
export class TrainingHistoryCallback extends RunReportCallback {
  readonly options: z.infer<typeof trainingHistoryOptionsSchema>;
  #rows: EpochRow[] = [];

  constructor(options: z.infer<typeof trainingHistoryOptionsSchema>) {
    super();
    this.options = options;
  }

  /** Runs after the module's own hook, which logs the epoch's accuracy. */
  override get monitorsMetrics(): boolean {
    return true;
  }

  override onTrainEpochEnd(trainer: TrainerView, _module: LightningModule): void {
    const metrics = trainer.callbackMetrics;
    const plots = curvesOf(metrics);
    const names = Object.values(plots).flatMap(({ lines }) => lines.map(([, metric]) => metric));
    const values = Object.fromEntries(names.map((name) => [name, metrics[name] ?? null]));
    this.#rows = [
      ...this.#rows.filter(({ epoch }) => epoch < trainer.currentEpoch),
      { epoch: trainer.currentEpoch, values },
    ];
    for (const [plot, { title, yLabel, lines }] of Object.entries(plots)) {
      const plotted: Line[] = lines.map(([label, metric]) => ({
        label,
        values: this.#rows.map((row) => row.values[metric] ?? null),
      }));
      const png = drawLineChart({
        title,
        xLabel: "epoch",
        yLabel,
        x: this.#rows.map(({ epoch }) => epoch + 1),
        lines: plotted,
      });
      writeFileAtomic(
        join(this.options.outputDir, runPaths.history, historyPaths[plot as keyof typeof historyPaths]),
        png,
      );
    }
  }

  override stateDict(): Record<string, unknown> {
    return { rows: this.#rows };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#rows = [...((state["rows"] as readonly EpochRow[] | undefined) ?? [])];
  }
}
