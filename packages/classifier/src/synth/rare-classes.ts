import { getLogger, plural } from "@classifier-training/base";
import type { ImageDataset } from "@classifier-training/vision";
import type { z } from "zod";
import type { syntheticOptionsSchema } from "../data/options.ts";
import { fillRareClasses, requireNumbers } from "./targets.ts";

const log = getLogger("classifier.synth");
/** What takes less time needs no progress. */
const quietMs = 2000;

/**
 * Draws what a training set's rare classes lack.
 * @returns the folder with the pictures and their annotations; undefined when no class is rare
 * @throws CtError when a class to be filled is not a number
 */
export async function drawForRareClasses(
  train: ImageDataset,
  { below, up_to, at_least, size, strength, seed }: z.infer<typeof syntheticOptionsSchema>,
): Promise<string | undefined> {
  const counts = train.classCounts();
  const requests = fillRareClasses(new Map(train.classes.map((name, i) => [name, counts[i] ?? 0])), {
    below,
    upTo: up_to,
    atLeast: at_least,
  });
  requireNumbers(requests, train.name);
  if (requests.length === 0) return undefined;
  const { drawOnce } = await import("./draw-once.ts");
  const started = performance.now();
  let tenth = 0;
  return drawOnce(requests, {
    seed,
    stream: "synth",
    size,
    strength,
    onProgress: (done, total) => {
      const now = Math.floor((10 * done) / total);
      if (now > tenth && performance.now() - started > quietMs)
        log.info(`drawing synthetic numbers: ${done} of ${plural(total, "picture")}`);
      tenth = now;
    },
  });
}
