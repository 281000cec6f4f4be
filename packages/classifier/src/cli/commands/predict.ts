import { existsSync } from "node:fs";
import { CtError, columnsOf } from "@classifier-training/base";
import { withPlugins } from "../../plugins.ts";
import { nonNegativeInteger, print, printJson, type RegisterCommand } from "../command.ts";
import { exitCode } from "../exit.ts";
import { predictionLines } from "../prediction-lines.ts";

interface PredictCommandOptions {
  readonly topK?: number;
  readonly json?: boolean;
}

export const registerPredict: RegisterCommand = (program, finish) => {
  withPlugins(program.command("predict"))
    .description("classify images with a run, a checkpoint or an exported model")
    .argument("<model>", "a run directory, a bundle, a checkpoint (.ckpt) or an ONNX file")
    .argument("<images...>", "files, folders, glob patterns, or - for a list of paths on standard input")
    .option(
      "-k, --top-k <n>",
      "number of classes to show (default: 5, in a terminal as many as fit; of a multilabel model all above their thresholds)",
      nonNegativeInteger,
    )
    .option("--json", "one JSON object per image")
    .addHelpText(
      "after",
      `
Examples:
  classifier predict outputs/2026-01-31/12-00-00 photo.jpg
  classifier predict model.onnx 'photos/**/*.jpg' --json
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
      const { expandImages } = await import("../expand-images.ts");
      const { openClassifier } = await import("../../inference/open-classifier.ts");
      const images = await expandImages(patterns);
      const classifier = await openClassifier(model);
      const columns = process.stdout.isTTY ? columnsOf(process.stdout) : undefined;
      const line = predictionLines({ names: images, classNames: classifier.classNames, columns });
      try {
        for (let start = 0; start < images.length; start += 32) {
          const batch = images.slice(start, start + 32);
          const results = await classifier.predictEach(batch, options.topK === undefined ? {} : { topK: options.topK });
          for (const [i, path] of batch.entries()) {
            const result = results[i] ?? [];
            if (CtError.is(result)) finish(exitCode.failure);
            if (options.json)
              printJson(CtError.is(result) ? { path, error: result.problem.what } : { path, predictions: result });
            else print(`${line(path, result)}\n`);
          }
        }
      } finally {
        await classifier.close();
      }
    });
};
