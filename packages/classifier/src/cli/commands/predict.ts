import { existsSync } from "node:fs";
import { CtError } from "@classifier-training/base";
import { withPlugins } from "../../plugins.ts";
import type { RegisterCommand } from "../commands.ts";
import { wholeNumber } from "../whole-number.ts";

interface PredictCommandOptions {
  readonly topK: number;
  readonly json?: boolean;
}

export const registerPredict: RegisterCommand = (program) => {
  withPlugins(program.command("predict"))
    .description("classify pictures with a run, a checkpoint or an exported model")
    .argument("<model>", "a run directory, a bundle, a checkpoint (.ckpt) or an ONNX file")
    .argument("<images...>", "files, folders, glob patterns, or - for a list of paths on standard input")
    .option("-k, --top-k <n>", "how many classes to show", wholeNumber, 5)
    .option("--json", "one JSON object a picture")
    .addHelpText(
      "after",
      `
Examples:
  classifier predict outputs/2026-01-31/12-00-00 photo.jpg
  classifier predict model.onnx 'photos/**/*.jpg' --json
  find photos -name '*.png' | classifier predict model.onnx -`,
    )
    .action(async (model: string, patterns: string[], options: PredictCommandOptions) => {
      if (!existsSync(model)) {
        throw new CtError({
          code: "predict/model",
          what: "there is no such model",
          where: model,
          fix: "give a run directory, a checkpoint or an ONNX file",
        });
      }
      const { expandImages } = await import("../../inference/expand-images.ts");
      const { openClassifier } = await import("../../inference/open-classifier.ts");
      const images = await expandImages(patterns);
      const classifier = await openClassifier(model);
      try {
        for (let start = 0; start < images.length; start += 32) {
          const batch = images.slice(start, start + 32);
          const predictions = await classifier.predict(batch, { topK: options.topK });
          for (const [i, path] of batch.entries())
            process.stdout.write(render(path, predictions[i] ?? [], options.json === true));
        }
      } finally {
        await classifier.close();
      }
    });
};

function render(path: string, predictions: readonly { label: string; probability: number }[], json: boolean): string {
  if (json) return `${JSON.stringify({ path, predictions })}\n`;
  const guesses = predictions.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)}%`);
  return `${path}  ${guesses.join("  ")}\n`;
}
