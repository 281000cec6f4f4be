import { relative } from "node:path";
import {
  displayPath,
  getLogger,
  plural,
  progressInLog,
  shellWord,
  shortened,
  splitFolderNames,
} from "@classifier-training/base";
import type { TrainerView } from "@classifier-training/lightning";
import { checkSplits, type DuplicateGroup, type SplitsCheck } from "@classifier-training/vision";
import { z } from "zod";
import { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import { RunReportCallback } from "./run-report.ts";

export const dataCheckOptionsSchema = z.strictObject({
  maxSeconds: z
    .number()
    .positive()
    .default(30)
    .describe("a check that takes longer is left to `classifier data check`"),
  minPerClass: z.int().min(1).default(5).describe("classes with fewer training images are named"),
});

const log = getLogger("classifier.callbacks.data_check");

/**
 * Before the first step of a training that is not resumed: the sizes of the images, and a line for each kind of problem with
 * an example: contradictory labels, the same image in two splits, unreadable files, tiny classes.
 */
export class DataCheckCallback extends RunReportCallback {
  readonly options: z.infer<typeof dataCheckOptionsSchema>;

  constructor(options: z.infer<typeof dataCheckOptionsSchema>) {
    super();
    this.options = options;
  }

  override async onFitStart(trainer: TrainerView): Promise<void> {
    const data = trainer.datamodule;
    if (!(data instanceof ImageFolderDataModule) || trainer.ckptPath !== undefined) return;
    const { dataRoot } = data.options;
    const command = `classifier data check ${shellWord(displayPath(dataRoot))}`;
    const problems = [...(await this.#look(data, command)), ...this.#tinyClasses(data)];
    for (const problem of problems) log.warning(problem);
    if (problems.length > 0) log.info(`all of it: ${command}`);
  }

  async #look(data: ImageFolderDataModule, command: string): Promise<string[]> {
    const { dataRoot } = data.options;
    const splits = (["train", "val"] as const).flatMap((split) => {
      const dataset = data.images(split);
      return dataset === undefined ? [] : [{ name: splitFolderNames[split][0], dataset }];
    });
    const signal = AbortSignal.timeout(1000 * this.options.maxSeconds);
    const onProgress = progressInLog(log, (done, total) => `checking the images: ${done} of ${total}`);
    try {
      const check = await checkSplits(splits, { root: dataRoot, onProgress, signal });
      const { smallest, largest } = check;
      if (smallest !== undefined && largest !== undefined) log.info(`images: ${sizes(smallest, largest)}`);
      return problemsOf(check, (path) => relative(dataRoot, path));
    } catch (error) {
      if (!signal.aborted) throw error;
      log.info(`the images are not checked, it takes longer than ${this.options.maxSeconds} s: ${command}`);
      return [];
    }
  }

  #tinyClasses(data: ImageFolderDataModule): string[] {
    const counts = data.classCounts();
    const tiny = data.classNames.map((name, i) => ({ name, count: counts[i] ?? 0 }));
    const few = tiny.filter(({ count }) => count < this.options.minPerClass).sort((a, b) => a.count - b.count);
    if (few.length === 0) return [];
    const shown = few.slice(0, 3).map(({ name, count }) => `${shortened(name, 16)} ${count}`);
    const more = few.length > shown.length ? ", ..." : "";
    return [
      `${plural(few.length, "class has", "classes have")} fewer than ${this.options.minPerClass} training images: ${shown.join(", ")}${more}`,
    ];
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function sizes(smallest: Size, largest: Size): string {
  const text = ({ width, height }: Size) => `${width} x ${height}`;
  return text(smallest) === text(largest) ? `${text(smallest)} px` : `${text(smallest)} to ${text(largest)} px`;
}

function problemsOf({ unreadable, contradictions, leaks }: SplitsCheck, nameOf: (path: string) => string): string[] {
  const short = (path: string) => shortened(nameOf(path), 32);
  const pair = ({ images }: DuplicateGroup, differs: (image: DuplicateGroup["images"][number]) => string) => {
    const [first] = images;
    const other = images.find((image) => first !== undefined && differs(image) !== differs(first));
    return first === undefined || other === undefined ? "" : `${short(first.path)} = ${short(other.path)}`;
  };
  const [broken] = unreadable;
  const [contradiction] = contradictions;
  const [leak] = leaks;
  return [
    broken && `${plural(unreadable.length, "image")} cannot be read: ${short(broken.image.path)}`,
    contradiction &&
      `${plural(contradictions.length, "image")} with contradictory labels: ${pair(contradiction, ({ label }) => label)}`,
    leak && `${plural(leaks.length, "image")} in two splits: ${pair(leak, ({ split }) => split)}`,
  ].filter((line) => line !== undefined);
}
