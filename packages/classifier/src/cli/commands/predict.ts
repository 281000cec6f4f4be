import { existsSync } from "node:fs";
import { CtError, columnsOf, csvText } from "@classifier-training/base";
import { withPlugins } from "../../plugins.ts";
import { fraction, nonNegativeInteger, print, printJson, type RegisterCommand } from "../command.ts";
import { exitCode } from "../exit.ts";
import { predictionLines } from "../prediction-lines.ts";
import type { Answer } from "../predictions.ts";

interface PredictCommandOptions {
  readonly topK?: number;
  readonly refuse?: number;
  readonly groupBy?: string;
  readonly imageColumn?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

/** Images per forward pass, after which their lines are printed. */
const batchSize = 32;

export const registerPredict: RegisterCommand = (program, finish) => {
  withPlugins(program.command("predict"))
    .description("classify images with a run, a checkpoint or an exported model")
    .argument("<model>", "a run directory, a bundle, a checkpoint (.ckpt) or an ONNX file")
    .argument("<images...>", "files, folders, glob patterns, lists (.csv, .jsonl), or - for paths on standard input")
    .option(
      "-k, --top-k <n>",
      "number of classes to show (default: 5, in a terminal as many as fit; of a multilabel model all above their thresholds)",
      nonNegativeInteger,
    )
    .option(
      "--refuse <fraction>",
      "call so many images, like those of validation, unreadable: the least confident (default: as the export says, or none)",
      fraction,
    )
    .option(
      "--group-by <column>",
      "also one answer for all images of a group, such as the frames of a track: a column of the list, or a pattern of paths with one group: 'track_(\\d+)'",
    )
    .option("--image-column <name>", "column of a list with the images")
    .option("--json", "one JSON object per image (and group)")
    .option("--csv", "a table with a row per image")
    .addHelpText(
      "after",
      `
Examples:
  classifier predict outputs/2026-01-31/12-00-00 photo.jpg
  classifier predict model.onnx 'photos/**/*.jpg' --json
  classifier predict model.onnx frames.csv --group-by track --refuse 0.05
  find photos -name '*.png' | classifier predict model.onnx -

An image that cannot be read has its error in its line; the exit code is then 1.`,
    )
    .action(async (model: string, patterns: string[], options: PredictCommandOptions) => {
      if (!existsSync(model)) {
        throw new CtError({
          code: "predict/model",
          what: "the model does not exist",
          where: model,
          fix:
            (await (await import("../../training/named-run.ts")).nearestRun(model)) ??
            "give a run directory that `classifier train` made (outputs/DATE/TIME), a checkpoint or an ONNX file",
        });
      }
      const { topK, refuse, groupBy, imageColumn, json, csv } = options;
      const { expandImages } = await import("../expand-images.ts");
      const { GroupedAnswers, predictionColumns, predictionRow } = await import("../predictions.ts");
      const { openClassifier } = await import("../../inference/open-classifier.ts");
      const images = await expandImages(patterns, imageColumn);
      const classifier = await openClassifier(model);
      try {
        const least = classifier.refusalConfidence(refuse);
        const groups = groupBy === undefined ? undefined : await GroupedAnswers.of(images, groupBy, classifier, least);
        const columns = process.stdout.isTTY ? columnsOf(process.stdout) : undefined;
        const names = [...images.map(({ path }) => path), ...(groups?.names ?? [])];
        const line = predictionLines({ names, classNames: classifier.classNames, columns });
        const answers: Answer[] = [];
        for (let start = 0; start < images.length; start += batchSize) {
          const batch = images.slice(start, start + batchSize);
          const rows = await classifier.logitsEach(batch.map(({ path }) => path));
          for (const [i, { path }] of batch.entries()) {
            const row = rows[i] as Float32Array | CtError;
            if (CtError.is(row)) finish(exitCode.failure);
            const result = CtError.is(row) ? row : classifier.classesOf(row, topK);
            const unreadable = !CtError.is(result) && (result[0]?.probability ?? 1) < least;
            const answer = { path, group: groups?.add(start + i, row), result, unreadable };
            if (csv) answers.push(answer);
            else if (json) printJson(jsonOf(answer, least > 0));
            else print(`${line(path, result, unreadable)}\n`);
          }
        }
        const voted = groups?.answers(topK) ?? [];
        if (csv) {
          const byName = new Map(voted.map((one) => [one.group, one]));
          print(
            csvText(
              predictionColumns(least > 0, groups !== undefined),
              answers.map((one) => predictionRow(one, least > 0, groups && byName)),
            ),
          );
        } else if (json) {
          for (const { group, images: count, result, unreadable } of voted)
            printJson({ group, images: count, ...(least > 0 && { unreadable }), predictions: result });
        } else if (voted.length > 0) {
          print(`\nby ${groupBy}:\n`);
          for (const { name, result, unreadable } of voted) print(`${line(name, result, unreadable)}\n`);
        }
      } finally {
        await classifier.close();
      }
    });
};

function jsonOf({ path, group, result, unreadable }: Answer, refuses: boolean): Record<string, unknown> {
  const start = { path, ...(group !== undefined && { group }) };
  if (CtError.is(result)) return { ...start, error: result.problem.what };
  return { ...start, ...(refuses && { unreadable }), predictions: result };
}
