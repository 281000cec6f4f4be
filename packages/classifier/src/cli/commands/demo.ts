import { relative } from "node:path";
import { shellWord, splitFolderNames } from "@classifier-training/base";
import { print, type RegisterCommand } from "../command.ts";
import { exitCode } from "../exit.ts";
import { progressLine } from "../progress.ts";
import { hydraCommand, runTraining } from "./train.ts";

const dataRoot = "data/demo-jersey-numbers";

export const registerDemo: RegisterCommand = (program, finish) => {
  hydraCommand(program, "demo", "render a dataset, train on it, export, predict: about three minutes").action(
    async (overrides: string[]) => {
      // A question needs no images.
      const asks = overrides.some((word) =>
        /^(-h|-c|-i|-sc|--help|--hydra-help|--cfg|--info|--shell-completion|--version)(=|$)/.test(word),
      );
      if (!asks) {
        const { ensureDemoData } = await import("@classifier-training/jersey");
        await ensureDemoData(dataRoot, 1, progressLine("rendering the dataset"));
      }
      const { exitCode: code, jobs } = await runTraining("demo", "train_demo", overrides);
      const result = jobs[0]?.value;
      finish(code);
      if (code !== exitCode.success || result === undefined) return;
      await showPredictions(result.outputDir);
      const { describeResult } = await import("../describe-result.ts");
      print(describeResult(result, afterDemo(relative(process.cwd(), result.outputDir))));
    },
  );
};

/** Classifies five images of the validation split with the exported model. */
async function showPredictions(outputDir: string): Promise<void> {
  const { OnnxClassifier } = await import("@classifier-training/inference");
  const { readLabeledFiles } = await import("../../data/labeled-files.ts");
  const { readingOptionsOf } = await import("../../data/reading-options.ts");
  const images = await readLabeledFiles(dataRoot, splitFolderNames.val[0], readingOptionsOf());
  const labels = [...new Set(images.map(({ label }) => label))];
  const chosen = [0, 1, 2, 3, 4].flatMap((i) => images.filter(({ label }) => label === labels[3 * i])[i] ?? []);
  const classifier = await OnnxClassifier.load(outputDir);
  const predictions = await classifier.predict(
    chosen.map(({ path }) => path),
    { topK: 1 },
  );
  await classifier.close();
  print("\nFive validation images, classified by the exported model:\n");
  for (const [i, { path, label }] of chosen.entries()) {
    const best = predictions[i]?.[0];
    const verdict = best?.label === label ? "right" : "WRONG";
    print(
      `  ${path}  true ${label.padEnd(3)} predicted ${(best?.label ?? "?").padEnd(3)} (${(100 * (best?.probability ?? 0)).toFixed(0)}%)  ${verdict}\n`,
    );
  }
}

function afterDemo(outputDir: string): string[] {
  return [
    `npx classifier predict ${shellWord(outputDir)} ${dataRoot}/test/7`,
    "npx classifier train data.data_root=YOUR/IMAGES transforms=default model.pretrained=false data.image_size=64",
    "npx classifier --help",
  ];
}
