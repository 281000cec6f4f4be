import { splitFolderNames, writeFileAtomic } from "@classifier-training/base";
import { withPlugins } from "../../plugins.ts";
import type { RegisterCommand } from "../commands.ts";
import { print } from "../print.ts";
import { progressLine } from "../progress.ts";

interface EvaluateCommandOptions {
  readonly data: string;
  readonly split: string;
  readonly markdown?: string;
  readonly json?: string;
}

export const registerEvaluate: RegisterCommand = (program) => {
  withPlugins(program.command("evaluate"))
    .description("compare models on the same pictures: accuracy with intervals, calibration, latency, size")
    .argument("<models...>", "run directories, bundles, checkpoints or ONNX files")
    .requiredOption("--data <root>", "the data set: the folder that holds the splits")
    .option("--split <name>", "which split", splitFolderNames.val[0])
    .option("--markdown <file>", "write the report there, too")
    .option("--json <file>", "write everything that was measured, every prediction included")
    .addHelpText(
      "after",
      `
Example:
  classifier evaluate outputs/2026-01-31/12-00-00 checkpoints/last.ckpt --data data/jerseys --markdown report.md`,
    )
    .action(async (models: string[], { data, split, markdown, json }: EvaluateCommandOptions) => {
      const { readLabelledPictures } = await import("../../data/labelled-pictures.ts");
      const { evaluateClassifier } = await import("../../evaluation/evaluate.ts");
      const { compareModels, evaluationMarkdown } = await import("../../evaluation/report.ts");
      const { openClassifier } = await import("../../inference/open-classifier.ts");
      const pictures = readLabelledPictures(data, split);
      const evaluations = [];
      for (const model of models) {
        const classifier = await openClassifier(model);
        const { logits: _logits, ...evaluation } = await evaluateClassifier(model, classifier, pictures, {
          onProgress: progressLine(model),
        });
        evaluations.push(evaluation);
        await classifier.close();
      }
      const report = evaluationMarkdown(evaluations, split);
      print(`${report}\n`);
      if (markdown !== undefined) writeFileAtomic(markdown, `${report}\n`);
      if (json !== undefined)
        writeFileAtomic(
          json,
          `${JSON.stringify({ split, pictures, evaluations, comparisons: compareModels(evaluations) }, null, 2)}\n`,
        );
    });
};
