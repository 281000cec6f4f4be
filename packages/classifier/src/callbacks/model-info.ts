import { existsSync } from "node:fs";
import { join } from "node:path";
import { getLogger } from "@classifier-training/base";
import { asModelInput, type LightningModule, type TrainerView } from "@classifier-training/lightning";
import { runPaths, writeLabelsMapping } from "@classifier-training/runs";
import { noGrad, randn, scope } from "@classifier-training/torch";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { renderTable } from "../drawing/table.ts";
import { countFlops } from "../model/flops.ts";
import { RunReportCallback } from "./run-report.ts";

export const modelInfoOptionsSchema = z.strictObject({ outputDir: z.string().default("outputs") });

const log = getLogger("classifier.callbacks.model_info");

/** At the start of training: parameters, size, operations and latency of the model; and `labels_mapping.json`. */
export class ModelInfoCallback extends RunReportCallback {
  readonly options: z.infer<typeof modelInfoOptionsSchema>;

  constructor(options: z.infer<typeof modelInfoOptionsSchema>) {
    super();
    this.options = options;
  }

  override onFitStart(trainer: TrainerView, module: LightningModule): void {
    const parameters = [...module.parameters()];
    const count = parameters.reduce((sum, p) => sum + p.numel, 0);
    const trainable = parameters.reduce((sum, p) => sum + (p.requiresGrad ? p.numel : 0), 0);
    const bytes = [...parameters, ...module.buffers()].reduce((sum, t) => sum + t.numel * t.elementSize, 0);
    const data = classificationData(trainer.datamodule);
    const rows: (readonly [string, string])[] = [
      ["model", module.constructor.name],
      ["parameters", count.toLocaleString("en-US")],
      ["trainable", trainable.toLocaleString("en-US")],
      ["size", `${(bytes / 2 ** 20).toFixed(2)} MB`],
    ];
    if (data !== undefined) rows.push(...inputCost(module, data.imageSize));
    log.detail(renderTable("Model", ["", "value"], rows));
    if (data === undefined) return;
    // Beside an exported model it is that model's, with what was fitted for it, until the next export.
    const { outputDir } = this.options;
    if (!existsSync(join(outputDir, runPaths.model))) writeLabelsMapping(outputDir, data.labelsMapping());
  }
}

/** Operations and median latency of one image at a size. */
function inputCost(module: LightningModule, size: number): (readonly [string, string])[] {
  const wasTraining = module.training;
  module.eval();
  try {
    return noGrad(() =>
      scope(() => {
        const input = asModelInput(module, randn([1, 3, size, size]));
        const flops = countFlops(() => module.forward(input));
        const times = Array.from({ length: 5 }, () => {
          const start = performance.now();
          module.forward(input);
          return performance.now() - start;
        }).sort((a, b) => a - b);
        return [
          [`operations, ${size} x ${size} px`, `${(flops / 1e9).toFixed(2)} GFLOP`],
          ["latency, one image", `${(times[2] ?? 0).toFixed(1)} ms (median of 5)`],
        ] as const;
      }),
    );
  } finally {
    module.train(wasTraining);
  }
}
