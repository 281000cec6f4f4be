import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { displayPath, plural, shellWord, shortened } from "@classifier-training/base";
import type { Command } from "commander";
import type { AnalysisRequest } from "../../analysis/judged.ts";
import { nonNegativeInteger, print } from "../command.ts";
import { type ColumnFlags, onlyDataWords, readingOf, withColumns } from "../data-options.ts";

interface ModelFlags extends ColumnFlags {
  readonly model?: readonly string[];
  readonly split?: string;
  readonly json?: string;
}

interface JudgeFlags extends ModelFlags {
  readonly folds: number;
  readonly time: string;
  readonly retrain?: boolean;
}

const defaultFolds = 3;
const modelHelp =
  "runs, a folder with runs, checkpoints, a model file (.onnx, .tflite), or a network with published weights (resnet18)";

function analysis(data: Command, name: string, description: string): Command {
  return withColumns(data.command(name))
    .description(description)
    .argument("<path>", "the dataset: a folder, a list, an archive, shards")
    .argument("[data.KEY=VALUE...]", "how it is read, as in training: data.group=player; without --model any override")
    .option("--json <file>", "write all of it to a file");
}

/** The options of a command whose images are judged by networks that have not seen them. */
function withJudges(command: Command, time: string): Command {
  return command
    .option("--model <run...>", modelHelp)
    .option("--split <name>", "only the images of this split (default: all)")
    .option(
      "--folds <n>",
      "without --model: number of networks, each trained without its fold",
      nonNegativeInteger,
      defaultFolds,
    )
    .option("--time <time>", "without --model: for all trainings together", time)
    .option("--retrain", "without --model: train also what an earlier call has trained");
}

const judgesHelp = `
Each image is judged by networks that were not trained on it. With the runs of folds these are all images, with one run
those that it did not train on, with published weights or a model file all. Without --model the folds are trained first, with the
configuration of \`classifier train PATH\`: further words such as model=resnet34 are for that training. The same command
resumes, and uses again what is complete.`;

/** Words after the models may be overrides. */
async function requestOf(root: string, given: readonly string[], options: JudgeFlags): Promise<AnalysisRequest> {
  const { model = [], split, folds, time, retrain = false } = options;
  const isOverride = (word: string) => /^[+~]{0,2}[\w.@/]+=/.test(word) && !existsSync(word);
  const words = [...given, ...model.filter(isOverride)];
  const models = model.filter((word) => !isOverride(word));
  const { readingWords } = await import("../../data/reading-options.ts");
  const reading = await readingOf(models.length > 0 ? onlyDataWords(words) : readingWords(words), options);
  const { textOverride } = await import("@classifier-training/hydra");
  const columns = Object.entries({
    image_column: options.imageColumn,
    label_column: options.labelColumn,
    split_column: options.splitColumn,
    group: options.group,
  }).flatMap(([key, value]) => (value === undefined ? [] : [textOverride(`data.${key}`, value)]));
  return { root, reading, split, models, folds: { folds, time, retrain, words: [...words, ...columns] } };
}

async function writeJson(...[path, ...rest]: [string | undefined, ...WriteArguments]): Promise<void> {
  if (path === undefined) return;
  const { writeDataAnalysis } = await import("@classifier-training/runs");
  writeDataAnalysis(path, ...rest);
}

type WriteArguments =
  Parameters<typeof import("@classifier-training/runs").writeDataAnalysis> extends [string, ...infer Rest]
    ? Rest
    : never;

/** Adds `data suspects`, `data learning-curve`, `data next` and `data map`. */
export function registerDataAnalysis(data: Command): void {
  withJudges(
    analysis(data, "suspects", "images whose label is probably wrong, by networks that have not seen them"),
    "5m",
  )
    .option("--limit <n>", "number of images to list", nonNegativeInteger, 20)
    .option("--csv <file>", "write all of them to a file, the most probable first")
    .addHelpText(
      "after",
      `${judgesHelp}
Look at each image before you correct its label; \`classifier data check\` finds equal images with different labels.

Examples:
  classifier data suspects photos --csv suspects.csv
  classifier data suspects photos --time 20m model=resnet34
  classifier data suspects photos --model mobilenet_v2.tflite
  classifier data suspects photos --model outputs/multirun/2026-01-31/12-00-00`,
    )
    .action(async (root: string, given: string[], options: JudgeFlags & { limit: number; csv?: string }) => {
      const { confirmedIn, openJudged } = await import("../../analysis/judged.ts");
      const { describeSuspects, findLabelSuspects, writeLabelSuspects } = await import(
        "../../evaluation/label-suspects.ts"
      );
      const judged = await openJudged(await requestOf(root, given, options));
      const confirmed = confirmedIn(root);
      const found = findLabelSuspects(judged);
      const { agreement } = found;
      const suspects = found.suspects.filter(({ sample }) => !confirmed.has(sample));
      await printJudges(judged.judges, root);
      print(`${describeSuspects({ suspects, agreement }, judged.images.length, options.limit)}\n`);
      if (options.csv !== undefined) writeLabelSuspects(options.csv, suspects);
      const { judges } = judged;
      await writeJson(options.json, "suspects", { formatVersion: 1, data: root, judges, agreement, suspects });
    });
  withJudges(
    analysis(data, "learning-curve", "what more images would bring: errors by number of training images"),
    "15m",
  )
    .addHelpText(
      "after",
      `${judgesHelp}
Folds are also trained on a half and a quarter of the images. With runs of three sizes or more the curve is that of
these trainings; with fewer it is that of a linear model on the network's features.

Examples:
  classifier data learning-curve photos --time 30m
  classifier data learning-curve photos --model resnet18`,
    )
    .action(async (root: string, given: string[], options: JudgeFlags) => {
      const { openJudged } = await import("../../analysis/judged.ts");
      const { describeLearningCurve, measureLearningCurve } = await import("../../evaluation/learning-curve.ts");
      const request = await requestOf(root, given, options);
      const judged = await openJudged({ ...request, folds: { ...request.folds, fractions: [0.5, 0.25] } });
      const curve = measureLearningCurve(judged, judged.all.images.length);
      await printJudges(judged.judges, root);
      print(`${describeLearningCurve(curve)}\n`);
      await writeJson(options.json, "learningCurve", {
        formatVersion: 1,
        data: root,
        judges: judged.judges,
        ...curve,
      });
    });
  analysis(data, "next", "which images to label next: those that a model is uncertain of, different from each other")
    .option("--model <run...>", modelHelp)
    .option("--count <n>", "number of images", nonNegativeInteger, 50)
    .option("--images <folder>", "images in place of those that the data has no label for")
    .option("--time <time>", "without --model: train on folds first, as data suspects does, for so long")
    .addHelpText(
      "after",
      "\nWithout --model and --time, images that differ from each other.\n\nExample:\n  classifier data next photos --model outputs/2026-01-31/12-00-00 --images unlabeled --count 50",
    )
    .action(async (root: string, given: string[], options: ModelFlags & NextFlags) => {
      const { nextImages } = await import("../../analysis/next-images.ts");
      const { renderTable } = await import("../../drawing/table.ts");
      const { count, images: folder, time } = options;
      const request = await requestOf(root, given, { ...options, folds: defaultFolds, time: time ?? "" });
      const folds = time === undefined ? undefined : request.folds;
      const next = await nextImages({ ...request, folds }, folder, Math.max(1, count));
      const { judges, images, unlabeled } = next;
      const rows = images.map(({ sample, suggested, probability }) => [
        shortened(sample, 44),
        shortened(suggested ?? "", 14),
        probability?.toFixed(3) ?? "",
      ]);
      print(`${plural(images.length, "image")} of ${unlabeled} without a label: ${judges.note}\n\n`);
      print(`${renderTable("Label these next", ["image", "probably", "P"], rows)}\n`);
      await writeJson(options.json, "next", { formatVersion: 1, data: root, ...next });
    });
  analysis(data, "map", "a map of the images: similar ones, as a network sees them, are near each other")
    .requiredOption(
      "--model <run>",
      "a run, a checkpoint, a model file (.onnx, .tflite), or a network with published weights (resnet18)",
    )
    .option("--split <name>", "only the images of this split (default: all)")
    .option("--all", "also images that the network was trained on: it keeps their classes apart")
    .option("--limit <n>", "number of images at most", nonNegativeInteger, 3000)
    .addHelpText(
      "after",
      "\nA run keeps the map as embeddings_map.json, where the page finds it.\n\nExample:\n  classifier data map photos --model outputs/2026-01-31/12-00-00",
    )
    .action(async (root: string, given: string[], options: Omit<ModelFlags, "model"> & MapFlags) => {
      const { embeddingsMap } = await import("../../analysis/embeddings.ts");
      const { runPaths } = await import("@classifier-training/runs");
      const { model, split, limit, all = false, json } = options;
      const reading = await readingOf(onlyDataWords(given), options);
      const map = await embeddingsMap({ root, reading, model, split, limit, all });
      const isRun = existsSync(model) && statSync(model).isDirectory();
      const files = [isRun ? join(model, runPaths.embeddingsMap) : undefined, json].filter(
        (file) => file !== undefined,
      );
      for (const file of files) await writeJson(file, "map", { formatVersion: 1, data: root, ...map });
      const where =
        files.length === 0 ? "nowhere: give --json FILE" : files.map((file) => displayPath(file)).join(", ");
      print(`${map.judges.note}\n${plural(map.points.length, "point")} by ${map.method}: ${where}\n`);
    });
}

interface NextFlags {
  readonly count: number;
  readonly images?: string;
  readonly time?: string;
}

interface MapFlags {
  readonly model: string;
  readonly all?: boolean;
  readonly limit: number;
}

async function printJudges(judges: Parameters<typeof import("../../analysis/judge.ts").howToCover>[0], root: string) {
  const { howToCover } = await import("../../analysis/judge.ts");
  const how = howToCover(judges, shellWord(root));
  print(`${judges.note}\n${how === undefined ? "" : `${how}\n`}\n`);
}
