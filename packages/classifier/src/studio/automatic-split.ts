import type { Worker } from "node:worker_threads";
import { CtError, plural, type Split, spawnWorker, splitFolderNames, splits } from "@classifier-training/base";
import type { SplitMessage, SplitTask } from "./split-worker.ts";
import type { Workspace } from "./workspace.ts";

export interface SplitFractions {
  readonly valFraction: number;
  readonly testFraction: number;
}

/** Assigns all labeled images to splits, by class, duplicates and near duplicates together: one at a time. */
export class AutomaticSplit {
  readonly #workspace: Workspace;
  readonly #onChange: () => void;
  #worker: Worker | undefined;
  #progress: { readonly done: number; readonly total: number } | undefined;

  constructor(workspace: Workspace, onChange: () => void) {
    this.#workspace = workspace;
    this.#onChange = onChange;
  }

  /** Images that were read, while it is made. */
  get progress(): { readonly done: number; readonly total: number } | undefined {
    return this.#progress;
  }

  /** @returns what was done, in words @throws CtError when the images cannot be split so, or it was canceled */
  async make({ valFraction, testFraction }: SplitFractions): Promise<string> {
    if (this.#worker !== undefined) throw problem("a split is being made already");
    const labeled = this.#workspace.images.filter(
      ({ label, excluded }) => label !== undefined && excluded === undefined,
    );
    if (labeled.length === 0) throw problem("there are no labeled images to be split: label some first");
    const images = labeled.filter(({ path }) => !this.#workspace.hasOwnSplit(path));
    if (images.length === 0) throw problem("the data has splits of its own, and they stay as they are");
    const task: SplitTask = {
      folder: this.#workspace.folder,
      paths: images.map(({ path }) => path),
      labels: images.map(({ label }) => label as string),
      valFraction,
      testFraction,
    };
    this.#setProgress({ done: 0, total: images.length });
    try {
      const { sides, notices } = await this.#run(task);
      const counts = splits.flatMap((split) => {
        const chosen = task.paths.filter(
          (path, i) => sides[i] === split && this.#workspace.image(path)?.split !== split,
        );
        if (chosen.length > 0) this.#workspace.edit({ op: "split", images: chosen, split });
        return [`${sides.filter((side) => side === split).length} ${splitFolderNames[split][0]}`];
      });
      return [`split ${plural(images.length, "image")}: ${counts.join(", ")}`, ...notices].join("; ");
    } finally {
      this.#worker = undefined;
      this.#setProgress(undefined);
    }
  }

  async cancel(): Promise<void> {
    await this.#worker?.terminate();
  }

  #run(workerData: SplitTask): Promise<{ readonly sides: readonly Split[]; readonly notices: readonly string[] }> {
    return new Promise((resolve, reject) => {
      const worker = spawnWorker(new URL("./split-worker.ts", import.meta.url), { workerData });
      this.#worker = worker;
      worker.on("message", (message: SplitMessage) => {
        if ("sides" in message) resolve(message);
        else if ("error" in message) reject(problem(message.error));
        else this.#setProgress(message);
      });
      worker.on("error", reject);
      worker.on("exit", () => reject(problem("the split was canceled: nothing was changed")));
    });
  }

  #setProgress(progress: { readonly done: number; readonly total: number } | undefined): void {
    this.#progress = progress;
    this.#onChange();
  }
}

function problem(what: string): CtError {
  return new CtError({ code: "classifier/studio", what });
}
