import { CtError, getLogger, progressInLog } from "@classifier-training/base";
import type { DataAnalysis } from "@classifier-training/runs";
import { mapMethod, placePoints } from "../evaluation/t-sne.ts";
import { judgeData } from "./judge.ts";
import type { AnalysisRequest } from "./judged.ts";
import { openLabeledData } from "./labeled-data.ts";
import { progressMs } from "./network.ts";

const log = getLogger("classifier.data");

export interface MapChoices extends Pick<AnalysisRequest, "root" | "reading" | "split"> {
  readonly model: string;
  /** Also the images that the network was trained on: their classes are apart because it has learned them. */
  readonly all: boolean;
  /** Points at most. */
  readonly limit: number;
}

/** Where a network sees the images of data, in two dimensions. @throws CtError as `judgeData` does */
export async function embeddingsMap(choices: MapChoices): Promise<Omit<DataAnalysis<"map">, "formatVersion" | "data">> {
  const { root, reading, split, model, all, limit } = choices;
  const data = await openLabeledData(root, reading, split);
  const judged = await judgeData(data, [model], { alsoSeen: all });
  // Any images, and always the same ones.
  const order = [...judged.images].sort((a, b) => (a.content < b.content ? -1 : 1)).slice(0, limit);
  const kept = new Set(order);
  const images = judged.images.filter((image) => kept.has(image));
  if (images.length < judged.images.length)
    log.info(`map of ${images.length} of ${judged.images.length} images: --limit N takes more, and longer`);
  const features = images.map(({ opinions }) => opinions[0]?.features as Float32Array);
  if (images.length < 2) {
    throw new CtError({
      code: "data/map",
      what: `a map needs two images or more, received ${images.length}`,
      where: root,
    });
  }
  const points = placePoints(
    features,
    progressInLog(log, (done, total) => `map: ${done} of ${total}`, progressMs),
  );
  const { classNames } = judged.networks[0] ?? {};
  return {
    judges: judged.judges,
    method: mapMethod,
    points: images.map(({ sample, label, opinions }, i) => {
      const [x, y] = points[i] as readonly [number, number];
      const { logits = new Float32Array() } = opinions[0] ?? {};
      return { sample, x, y, label, predicted: classNames?.[logits.indexOf(Math.max(...logits))] ?? null };
    }),
  };
}
