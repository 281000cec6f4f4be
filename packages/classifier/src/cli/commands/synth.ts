import { existsSync } from "node:fs";
import { join } from "node:path";
import { CtError, plural, splitFolderNames } from "@classifier-training/base";
import type { SynthPlace } from "@classifier-training/jersey";
import { nonNegativeInteger, print, type RegisterCommand } from "../command.ts";
import { progressLine } from "../progress.ts";

interface SynthCommandOptions {
  readonly below: number;
  readonly upTo: number;
  readonly atLeast: number;
  readonly target: readonly string[];
  readonly size: number;
  readonly strength: number;
  readonly seed: number;
  readonly out?: string;
  readonly dryRun?: boolean;
}

export const registerSynth: RegisterCommand = (program) => {
  program
    .command("synth")
    .description("render synthetic jersey numbers for the rare classes of a dataset, labeled as its images are")
    .argument("<root>", "the dataset: the folder with train/")
    .option("--below <n>", "fill classes with fewer real training samples than this", nonNegativeInteger, 200)
    .option("--up-to <n>", "to this many samples in total", nonNegativeInteger, 200)
    .option("--at-least <n>", "synthetic images for every class, rare or not", nonNegativeInteger, 0)
    .option("--target <spec...>", "further images of one color pair: LABEL:JERSEY/NUMBER=COUNT", [])
    .option("--size <px>", "height of an image", nonNegativeInteger, 96)
    .option("--strength <0..1>", "degradation by the broadcast", Number, 0.8)
    .option("--seed <n>", "the same seed renders the same images", nonNegativeInteger, 137)
    .option("--out <folder>", "output folder (default: ROOT/train/synthetic, or CLASS/synthetic in class folders)")
    .option("--dry-run", "print how many images would be rendered, and render none")
    .addHelpText(
      "after",
      `
Examples:
  classifier synth data/jerseys --below 150 --up-to 300
  classifier synth data/jerseys --target 18:white/red=150 22:blue/red=150 --below 0`,
    )
    .action(async (root: string, options: SynthCommandOptions) => {
      const { expandTarget, fillRareClasses, parseColorTarget, replaceSynthetic, requireNumbers, synthPlace } =
        await import("@classifier-training/jersey");
      const split = join(root, splitFolderNames.train[0]);
      if (!existsSync(split)) {
        throw new CtError({
          code: "synth/folder",
          what: `expected a folder with ${splitFolderNames.train[0]}/ in it, received ${root}`,
          fix: "move the training images there; `data.synthetic` renders numbers for any other dataset in training",
        });
      }
      const place = synthPlace(split, options.out);
      const counts = await countTrainingLabels(root, place);
      const requests = [
        ...fillRareClasses(counts, options),
        ...options.target.flatMap((text) => expandTarget(parseColorTarget(text))),
      ];
      requireNumbers(requests, root);
      const classes = new Set(requests.map(({ label }) => label)).size;
      print(
        `${plural(requests.length, "image")} for ${plural(classes, "class", "classes")} into ${place.layout === "folders" ? join(place.folder, "CLASS", "synthetic") : place.folder}\n`,
      );
      if (options.dryRun || requests.length === 0) return;
      const { seed, size, strength } = options;
      await replaceSynthetic(place, requests, {
        seed,
        stream: "synth",
        size,
        strength,
        onProgress: progressLine("rendering"),
      });
    });
};

/** Training samples by class, without the synthetic ones at a place, which are about to be replaced. */
async function countTrainingLabels(root: string, without: SynthPlace): Promise<Map<string, number>> {
  const { isSyntheticFile } = await import("@classifier-training/jersey");
  const { openData } = await import("@classifier-training/vision");
  const { paths, classes, targets } = await (await openData(root)).open("train");
  const counts = new Map<string, number>(classes.map((name) => [name, 0]));
  for (const [i, path] of paths.entries()) {
    if (isSyntheticFile(without, path)) continue;
    const name = classes[targets[i] as number] as string;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
