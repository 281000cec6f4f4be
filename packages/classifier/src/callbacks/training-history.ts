import { join } from "node:path";
import { type LightningModule, ModelCheckpoint, type TrainerView } from "@classifier-training/lightning";
import { historyPaths, percent, runPaths } from "@classifier-training/runs";
import { z } from "zod";
import { BackgroundPlots } from "../drawing/background-plots.ts";
import type { LineChart } from "../drawing/line-chart.ts";
import { RunReportCallback } from "./run-report.ts";

export const trainingHistoryOptionsSchema = z.strictObject({ outputDir: z.string().default("outputs") });

interface Curve {
  readonly label: string;
  readonly metric: string;
  /** Of the palette: that of the same metric in the other split. */
  readonly color: number;
}

interface Plot {
  readonly title: string;
  readonly yLabel: string;
  readonly isPercent: boolean;
  readonly curves: readonly Curve[];
}

const plots: Readonly<Record<keyof typeof historyPaths, Plot>> = {
  loss: {
    title: "Training and validation loss",
    yLabel: "loss",
    isPercent: false,
    curves: [
      { label: "train loss", metric: "train/loss_epoch", color: 0 },
      { label: "val loss", metric: "val/loss", color: 0 },
    ],
  },
  accuracy: {
    title: "Accuracy",
    yLabel: "accuracy",
    isPercent: true,
    curves: [
      { label: "train top-1", metric: "train/acc_top1", color: 0 },
      { label: "val top-1", metric: "val/acc_top1", color: 0 },
      { label: "val top-5", metric: "val/acc_top5", color: 1 },
    ],
  },
};

/** What a multilabel training has in place of accuracy. */
const labelPlot: Plot = {
  title: "mAP and F1",
  yLabel: "score",
  isPercent: true,
  curves: [
    { label: "train F1 micro", metric: "train/f1_micro", color: 0 },
    { label: "val F1 micro", metric: "val/f1_micro", color: 0 },
    { label: "val F1 macro", metric: "val/f1_macro", color: 1 },
    { label: "val mAP", metric: "val/mAP", color: 2 },
  ],
};

interface EpochRow {
  readonly epoch: number;
  /** NaN and infinity are null in a checkpoint, like what was not measured: they are kept as text. */
  readonly values: Readonly<Record<string, number | string | null>>;
}

/** Plots `training_history/loss_history.png` and `accuracy_history.png` after each epoch, the one just ended included. */
export class TrainingHistoryCallback extends RunReportCallback {
  readonly options: z.infer<typeof trainingHistoryOptionsSchema>;
  readonly #plots = new BackgroundPlots();
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
    const shown = "val/mAP" in metrics ? { ...plots, accuracy: labelPlot } : plots;
    const monitor = monitorOf(trainer);
    const names = Object.values(shown).flatMap(({ curves }) => curves.map(({ metric }) => metric));
    const values = [...names, ...(monitor === undefined ? [] : [monitor.name])].map((name) => {
      const value = trainer.isCurrentMetric(name) ? metrics[name] : undefined;
      return [name, value === undefined || Number.isFinite(value) ? (value ?? null) : String(value)] as const;
    });
    this.#rows = [
      ...this.#rows.filter(({ epoch }) => epoch < trainer.currentEpoch),
      { epoch: trainer.currentEpoch, values: Object.fromEntries(values) },
    ];
    const best = monitor && this.#best(monitor);
    for (const [name, plot] of Object.entries(shown)) {
      const path = join(this.options.outputDir, runPaths.history, historyPaths[name as keyof typeof historyPaths]);
      this.#plots.add({ kind: "lineChart", data: this.#chart(plot, best) }, path);
    }
  }

  override onFitEnd(): Promise<void> {
    return this.#plots.settle();
  }

  override onException(): Promise<void> {
    return this.#plots.settle();
  }

  #chart({ title, yLabel, isPercent, curves }: Plot, best: LineChart["best"]): LineChart {
    return {
      title,
      xLabel: "epoch",
      yLabel,
      isPercent,
      x: this.#rows.map(({ epoch }) => epoch + 1),
      lines: curves
        .map(({ label, metric, color }) => ({
          label,
          color,
          split: metric.startsWith("train/") ? ("train" as const) : ("val" as const),
          values: this.#rows.map((row) => numberAt(row, metric)),
        }))
        .filter(({ values }) => values.some((value) => value !== null)),
      best,
    };
  }

  /** The first epoch with the best value of what the checkpoints are chosen by. */
  #best({ name, mode }: Monitor): LineChart["best"] {
    let best: { x: number; value: number } | undefined;
    for (const row of this.#rows) {
      const value = numberAt(row, name);
      if (value === null || !Number.isFinite(value)) continue;
      const isBetter = best === undefined || (mode === "max" ? value > best.value : value < best.value);
      if (isBetter) best = { x: row.epoch + 1, value };
    }
    if (best === undefined) return undefined;
    const isPercent = [plots.accuracy, labelPlot].some(({ curves }) => curves.some(({ metric }) => metric === name));
    const shown = isPercent ? percent(best.value) : Number(best.value.toPrecision(4));
    return { x: best.x, text: `best epoch ${best.x} (dotted line): ${name} ${shown}` };
  }

  override stateDict(): Record<string, unknown> {
    return { rows: this.#rows };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#rows = [...((state["rows"] as readonly EpochRow[] | undefined) ?? [])];
  }
}

function numberAt({ values }: EpochRow, metric: string): number | null {
  const value = values[metric] ?? null;
  return value === null ? null : Number(value);
}

interface Monitor {
  readonly name: string;
  readonly mode: "min" | "max";
}

/** What checkpoints are chosen by. */
function monitorOf({ callbacks }: TrainerView): Monitor | undefined {
  for (const callback of callbacks) {
    if (!(callback instanceof ModelCheckpoint)) continue;
    const { monitor, mode } = callback.options;
    if (monitor !== null) return { name: monitor, mode };
  }
  return undefined;
}
