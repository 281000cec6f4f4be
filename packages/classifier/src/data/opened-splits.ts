import { getLogger, type Split, splitFolderNames } from "@classifier-training/base";
import type { SplitRecord } from "@classifier-training/runs";
import {
  type ImageDataset,
  type MadeSplit,
  type OpenedData,
  openData,
  type SplitData,
  splitData,
} from "@classifier-training/vision";
import { openOptionsOf, type ReadingOptions } from "./options.ts";
import { splitChoicesOf } from "./split-options.ts";

const log = getLogger("classifier.data");

/**
 * The data of a root, with the splits that are made of it. It is opened when it is first asked for, and once: to list and to
 * split a million images takes half a minute.
 */
export class OpenedSplits {
  readonly root: string;
  readonly #options: ReadingOptions;
  readonly #recorded: SplitRecord | undefined;
  #whole: Promise<OpenedData> | undefined;
  #data: Promise<OpenedData | SplitData> | undefined;
  readonly #splits = new Map<Split, Promise<ImageDataset>>();

  /** @param recorded the split that a run has recorded */
  constructor(root: string, options: ReadingOptions, recorded?: SplitRecord | undefined) {
    this.root = root;
    this.#options = options;
    this.#recorded = recorded;
  }

  /** What is open already of the same data, to be used in place of this; split in another way, it need not be read again. */
  sharing(before: OpenedSplits | undefined): OpenedSplits {
    if (before === undefined || before.#reading !== this.#reading) return this;
    if (before.#splitting === this.#splitting && before.#recorded === this.#recorded) return before;
    this.#whole = before.whole();
    return this;
  }

  get #reading(): string {
    return JSON.stringify([this.root, openOptionsOf(this.#options)]);
  }

  get #splitting(): string {
    return JSON.stringify(splitChoicesOf(this.#options));
  }

  /** The data as it is there, without splits that are made of it. */
  whole(): Promise<OpenedData> {
    this.#whole ??= openData(this.root, openOptionsOf(this.#options));
    return this.#whole;
  }

  /** The data, with the splits that it lacks. */
  data(): Promise<OpenedData | SplitData> {
    this.#data ??= this.whole().then((whole) => splitData(whole, splitChoicesOf(this.#options, this.#recorded)));
    return this.#data;
  }

  /** The split that was made; undefined where the data has all that it needs. */
  async made(): Promise<MadeSplit | undefined> {
    const data = await this.data();
    return "made" in data ? data.made : undefined;
  }

  /** A split, whose classes are those of `train`. */
  open(split: Split): Promise<ImageDataset> {
    const known = this.#splits.get(split);
    if (known !== undefined) return known;
    const opened = this.#open(split);
    this.#splits.set(split, opened);
    return opened;
  }

  async #open(split: Split): Promise<ImageDataset> {
    const data = await this.data();
    const known = split === "train" ? undefined : await this.open("train");
    return (await data.open(splitFolderNames[split][0], known)).withClasses(this.#options.extraClasses);
  }
}

/** Says how data was split. */
export function logSplit({ summary, notices }: MadeSplit): void {
  for (const line of [summary, ...notices]) log.info(line);
}
