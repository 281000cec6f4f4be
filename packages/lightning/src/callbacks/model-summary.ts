import { getLogger, parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";

const log = getLogger("lightning.summary");

export const modelSummaryOptionsSchema = z.strictObject({
  /** How many levels of submodules to list; -1 lists all, 0 none. */
  maxDepth: z.int().min(-1).default(1),
});

export interface SummaryRow {
  readonly name: string;
  readonly type: string;
  readonly parameters: number;
  readonly training: boolean;
}

/** The submodules down to a depth, with their parameters. */
export function summarize(module: LightningModule, maxDepth: number): readonly SummaryRow[] {
  const rows: SummaryRow[] = [];
  for (const [name, submodule] of module.namedModules()) {
    if (name === "" || (maxDepth !== -1 && name.split(".").length > maxDepth)) continue;
    const parameters = [...submodule.parameters()].reduce((sum, { numel }) => sum + numel, 0);
    rows.push({ name, type: submodule.constructor.name, parameters, training: submodule.training });
  }
  return rows;
}

/** Lists the model's parts and the number of its weights when training starts. */
export class ModelSummary extends Callback {
  readonly #maxDepth: number;

  constructor(options: z.input<typeof modelSummaryOptionsSchema> = {}) {
    super();
    this.#maxDepth = parseOptions("ModelSummary", modelSummaryOptionsSchema, options).maxDepth;
  }

  override get reportsOnly(): boolean {
    return true;
  }

  override onFitStart(trainer: TrainerView, module: LightningModule): void {
    if (this.#maxDepth !== 0 && trainer.isGlobalZero) log.detail(renderSummary(module, this.#maxDepth));
  }
}

/** The table that `ModelSummary` prints. */
function renderSummary(module: LightningModule, maxDepth = 1): string {
  const rows = summarize(module, maxDepth);
  const cells = [
    ["", "Name", "Type", "Params", "Mode"],
    ...rows.map(({ name, type, parameters, training }, i) => [
      String(i),
      name,
      type,
      humanCount(parameters),
      training ? "train" : "eval",
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | "));
  const rule = "-".repeat(lines[0]?.length ?? 0);
  let trainable = 0;
  let frozen = 0;
  let bytes = 0;
  for (const parameter of module.parameters()) {
    if (parameter.requiresGrad) trainable += parameter.numel;
    else frozen += parameter.numel;
    bytes += parameter.numel * parameter.elementSize;
  }
  return [
    lines[0],
    rule,
    ...lines.slice(1),
    rule,
    `${humanCount(trainable).padEnd(9)} Trainable params`,
    `${humanCount(frozen).padEnd(9)} Non-trainable params`,
    `${humanCount(trainable + frozen).padEnd(9)} Total params`,
    `${(bytes / 1e6).toFixed(3).padEnd(9)} Total estimated model params size (MB)`,
  ].join("\n");
}

/** Three significant digits and a letter, as Lightning writes counts: `11.2 M`. */
export function humanCount(count: number): string {
  if (count < 1000) return String(count);
  const power = Math.min(4, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${"KMBT"[power - 1]}`;
}
