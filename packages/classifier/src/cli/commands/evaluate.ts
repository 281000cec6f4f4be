import { splitFolderNames, writeFileAtomic } from "@classifier-training/base";
import { withPlugins } from "../../plugins.ts";
import { print, type RegisterCommand } from "../command.ts";
import { type ColumnFlags, readingOf, takeDataWords, withColumns } from "../data-options.ts";
import { progressLine } from "../progress.ts";

interface EvaluateCommandOptions extends ColumnFlags {
  readonly data?: string;
  readonly split: string;
  readonly markdown?: string;
  readonly json?: string;
  readonly folds?: boolean;
}

export const registerEvaluate: RegisterCommand = (program) => {
  withColumns(withPlugins(program.command("evaluate")))
    .description("compare models on the same images: accuracy with intervals, calibration, latency, size")
    .argument(
      "<models...>",
      "run directories, bundles, checkpoints or ONNX files; without --data: runs, epoch folders, predictions.csv",
    )
    .option(
      "--data <root>",
      "dataset: the folder with the splits; without it the stored predictions of runs are compared",
    )
    .option("--split <name>", "name of the split", splitFolderNames.val[0])
    .option(
      "--folds",
      "pool the predictions of the folds of one cross-validation: the folder of its sweep, or its runs",
    )
    .option("--markdown <file>", "also write the report to a file")
    .option("--json <file>", "write all measurements and predictions")
    .addHelpText(
      "after",
      `
Examples:
  classifier evaluate outputs/2026-01-31/12-00-00 checkpoints/last.ckpt --data data/jerseys --markdown report.md
  classifier evaluate outputs/2026-01-31/12-00-00 outputs/2026-01-31/15-00-00
  classifier evaluate --folds outputs/multirun/2026-01-31/12-00-00`,
    )
    .action(async (given: string[], options: EvaluateCommandOptions) => {
      const { data, split, markdown, json, folds } = options;
      const { words, others: models } = takeDataWords(given);
      if (folds === true) return printFolds(models, json);
      if (data === undefined) return printStoredComparison(models, json);
      const { readLabeledFiles } = await import("../../data/labeled-files.ts");
      const { evaluateClassifier } = await import("../../evaluation/evaluate.ts");
      const { compareModels, evaluationMarkdown } = await import("../../evaluation/report.ts");
      const { recordedSplitsOf } = await import("../../training/recorded-split.ts");
      const { openClassifier } = await import("../../inference/open-classifier.ts");
      const evaluations = [];
      let images: Awaited<ReturnType<typeof readLabeledFiles>> = [];
      for (const model of models) {
        const classifier = await openClassifier(model);
        if (evaluations.length === 0)
          images = await readLabeledFiles(
            data,
            split,
            { ...(await readingOf(words, options)), task: classifier.task },
            recordedSplitsOf(models),
          );
        evaluations.push(await evaluateClassifier(model, classifier, images, { onProgress: progressLine(model) }));
        await classifier.close();
      }
      const report = evaluationMarkdown(evaluations, split);
      print(`${report}\n`);
      if (markdown !== undefined) writeFileAtomic(markdown, `${report}\n`);
      if (json !== undefined)
        writeFileAtomic(
          json,
          `${JSON.stringify({ split, images, evaluations, comparisons: compareModels(evaluations) }, null, 2)}\n`,
        );
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

async function printStoredComparison(paths: readonly string[], json?: string): Promise<void> {
  const { compareStored } = await import("../../evaluation/compare-stored.ts");
  const { lines, runs, comparisons } = compareStored(paths);
  for (const line of lines) print(`${line}\n`);
  if (json !== undefined) writeFileAtomic(json, `${JSON.stringify({ runs, comparisons }, null, 2)}\n`);
}
