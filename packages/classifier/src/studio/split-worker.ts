import { basename, join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { CtError, type Split } from "@classifier-training/base";
import { ImageDataset, splitDataset } from "@classifier-training/vision/data";

/** The labeled images of a folder, and how they are to be split. */
export interface SplitTask {
  readonly folder: string;
  readonly paths: readonly string[];
  readonly labels: readonly string[];
  readonly valFraction: number;
  readonly testFraction: number;
}

export type SplitMessage =
  | { readonly done: number; readonly total: number }
  | { readonly sides: readonly Split[]; readonly notices: readonly string[] }
  | { readonly error: string };

/** Splits as training does. It reads every image: in a thread of its own, so that the page is answered meanwhile. */
async function work({ folder, paths, labels, valFraction, testFraction }: SplitTask): Promise<SplitMessage> {
  const classToIdx = new Map([...new Set(labels)].map((name, i) => [name, i]));
  const files = paths.map((path) => join(folder, path));
  const dataset = new ImageDataset({
    name: basename(folder),
    source: { kind: "files", paths: files },
    targets: Int32Array.from(labels, (label) => classToIdx.get(label) as number),
    classToIdx,
    paths: files,
  });
  let reported = 0;
  const onProgress = (done: number, total: number) => {
    if (performance.now() - reported < 200) return;
    reported = performance.now();
    parentPort?.postMessage({ done, total } satisfies SplitMessage);
  };
  const { sides, notices } = await splitDataset(dataset, {
    valFraction,
    testFraction,
    seed: 0,
    root: folder,
    onProgress,
  });
  return { sides, notices };
}

work(workerData as SplitTask).then(
  (message) => parentPort?.postMessage(message),
  (error) => {
    if (!CtError.is(error)) throw error;
    parentPort?.postMessage({ error: error.problem.what } satisfies SplitMessage);
  },
);
