import { splitFolderNames, writeFileAtomic } from "@classifier-training/base";
import type { ModelEvaluation } from "../../evaluation/evaluate.ts";
import { withPlugins } from "../../plugins.ts";
import { commaSeparated, print, type RegisterCommand } from "../command.ts";
import { type ColumnFlags, readingOf, takeDataWords, withColumns } from "../data-options.ts";
import { exitCode } from "../exit.ts";

interface EvaluateCommandOptions extends ColumnFlags {
  readonly data?: string;
  readonly split: string;
  readonly markdown?: string;
  readonly json?: string;
  readonly csv?: string;
  readonly folds?: boolean;
  readonly seeds?: boolean;
  readonly groupBy?: string;
  readonly slices?: readonly string[];
}

export const registerEvaluate: RegisterCommand = (program, finish) => {
  withColumns(withPlugins(program.command("evaluate")))
    .description("compare models on the same images: accuracy with intervals, calibration, latency, size")
    .argument(
      "<models...>",
      "run directories, bundles, checkpoints or ONNX files; without --data: runs, epoch folders, predictions.csv",
    )
    .option(
      "--data <root>",
      "dataset: the folder with the splits; without it the stored predictions of runs are compared (with --group-by, --slices and --csv it is that of the run)",
    )
    .option("--split <name>", "name of the split", splitFolderNames.val[0])
    .option(
      "--folds",
      "pool the predictions of the folds of one cross-validation: the folder of its sweep, or its runs",
    )
    .option(
      "--seeds",
      "mean and spread of trainings that differ in their seeds: the folder of a sweep over seed, or its runs",
    )
    .option(
      "--group-by <column>",
      "also one answer for all images of a group, such as the frames of a track: a column of the metadata, or a pattern of paths with one group: 'track_(\\d+)'",
    )
    .option("--slices <columns>", "accuracy by height, width and columns of the metadata: height,team", commaSeparated)
    .option("--markdown <file>", "also write the report to a file")
    .option("--json <file>", "write all measurements and predictions")
    .option("--csv <file>", "write the predictions of one model as a table")
    .addHelpText(
      "after",
      `
Examples:
  classifier evaluate outputs/2026-01-31/12-00-00 checkpoints/last.ckpt --data data/jerseys --markdown report.md
  classifier evaluate outputs/2026-01-31/12-00-00 outputs/2026-01-31/15-00-00
  classifier evaluate outputs/2026-01-31/12-00-00 --split test --group-by track --slices height,team
  classifier evaluate --folds outputs/multirun/2026-01-31/12-00-00
  classifier evaluate --seeds outputs/multirun/2026-01-31/12-00-00 --data data/jerseys --split test`,
    )
    .action(async (given: string[], options: EvaluateCommandOptions) => {
      const { data, split, markdown, json, csv, folds, seeds, groupBy, slices } = options;
      const { words, others } = takeDataWords(given);
      if (folds === true) return printFolds(others, json);
      if (seeds === true && data === undefined) return printSeeds(others, json);
      const models = seeds === true ? await seedModels(others) : others;
      if (data === undefined && groupBy === undefined && slices === undefined && csv === undefined)
        return printStoredComparison(models, json);
      const { evaluateOnData, writeEvaluationCsv, writeEvaluationJson } = await import("../evaluate-on-data.ts");
      const reading = await readingOf(words, options);
      const evaluated = await evaluateOnData({ models, data, split, reading, groupBy, slices });
      print(`${evaluated.report}\n`);
      if (seeds === true) await printSpread(evaluated.evaluations);
      if (markdown !== undefined) writeFileAtomic(markdown, `${evaluated.report}\n`);
      if (json !== undefined) writeEvaluationJson(json, evaluated);
      if (csv !== undefined) writeEvaluationCsv(csv, evaluated);
      if (evaluated.evaluations.some(({ grouped }) => (grouped?.mixed.length ?? 0) > 0)) finish(exitCode.failure);
    });
  // Until the next release under its former name.
  program
    .command("compare", { hidden: true })
    .argument("<runs...>")
    .addHelpText("after", "\nExample:\n  classifier evaluate outputs/2026-01-31/12-00-00 outputs/2026-01-31/15-00-00")
    .action(async (runs: string[]) => {
      process.stderr.write("`classifier compare` is now `classifier evaluate` without --data\n");
      await printStoredComparison(runs);
    });
};

async function printFolds(paths: readonly string[], json: string | undefined): Promise<void> {
  const { crossValidate } = await import("../../training/cross-validation.ts");
  const { describeFolds } = await import("../describe-folds.ts");
  const pooled = crossValidate(paths);
  print(describeFolds(pooled));
  if (json !== undefined) writeFileAtomic(json, `${JSON.stringify(pooled, null, 2)}\n`);
}

async function printSeeds(paths: readonly string[], json: string | undefined): Promise<void> {
  const { storedSeeds } = await import("../../training/seed-runs.ts");
  const { describeSeeds } = await import("../describe-seeds.ts");
  const found = storedSeeds(paths);
  print(describeSeeds(found));
  if (json !== undefined) writeFileAtomic(json, `${JSON.stringify(found, null, 2)}\n`);
}

async function seedModels(paths: readonly string[]): Promise<string[]> {
  const { seedRuns } = await import("../../training/seed-runs.ts");
  return seedRuns(paths).map(({ dir }) => dir);
}

/** The spread of models that were measured on the same images. */
async function printSpread(evaluations: readonly ModelEvaluation[]): Promise<void> {
  const { seedSpread } = await import("../../training/seed-runs.ts");
  const { describeSeeds } = await import("../describe-seeds.ts");
  const isLabels = evaluations.every(({ multilabel }) => multilabel !== undefined);
  const values = evaluations.map(({ name: dir, top1, multilabel }) => ({
    dir,
    value: multilabel?.mAP.value ?? top1.value,
  }));
  print(`\n${describeSeeds(seedSpread(isLabels ? "mAP" : "accuracy", evaluations[0]?.top1.n ?? 0, values))}`);
}

async function printStoredComparison(paths: readonly string[], json?: string): Promise<void> {
  const { compareStored } = await import("../../evaluation/compare-stored.ts");
  const { lines, runs, comparisons } = compareStored(paths);
  for (const line of lines) print(`${line}\n`);
  if (json !== undefined) writeFileAtomic(json, `${JSON.stringify({ runs, comparisons }, null, 2)}\n`);
}
