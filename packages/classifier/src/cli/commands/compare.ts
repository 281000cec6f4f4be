import type { RegisterCommand } from "../commands.ts";
import { print } from "../print.ts";

export const registerCompare: RegisterCommand = (program) => {
  program
    .command("compare")
    .description("compare runs by the predictions that they stored: accuracy with intervals, and whether they differ")
    .argument("<runs...>", "run directories (their best epochs), epoch folders, or predictions.csv files; at least two")
    .addHelpText(
      "after",
      `
Examples:
  classifier compare outputs/2026-01-31/12-00-00 outputs/2026-01-31/15-00-00
  classifier compare outputs/2026-01-31/12-00-00/epoch_003 outputs/2026-01-31/12-00-00/epoch_007`,
    )
    .action(async (paths: string[]) => {
      const { pairedSamples, readStoredPredictions } = await import("../../evaluation/stored-predictions.ts");
      const { describeComparison } = await import("../../evaluation/report.ts");
      const { describeProportion, proportion } = await import("../../statistics/interval.ts");
      const { comparePaired } = await import("../../statistics/paired.ts");
      const runs = paths.map(readStoredPredictions).map((run) => {
        const right = [...run.correct.values()].filter(Boolean).length;
        return { run, top1: proportion(right, run.correct.size) };
      });
      runs.sort((a, b) => b.top1.value - a.top1.value);
      for (const { run, top1 } of runs) print(`${run.name}: top-1 ${describeProportion(top1)}\n`);
      const [best, ...others] = runs;
      for (const other of best === undefined ? [] : others) {
        const { first, second } = pairedSamples((best as (typeof runs)[number]).run, other.run);
        const comparison = { first: best?.run.name ?? "", second: other.run.name, ...comparePaired(first, second) };
        print(`${describeComparison(comparison, first.length)}\n`);
      }
    });
};
