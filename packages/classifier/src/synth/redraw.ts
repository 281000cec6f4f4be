import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryPath } from "@classifier-training/base";
import { type SynthOptions, type SynthRequest, writeSynthetic } from "./dataset.ts";
import { annotationFile, drawnFiles, type SynthPlace } from "./layout.ts";

/**
 * Draws pictures for a place, in the stead of those that an earlier run drew there. They are drawn beside it and moved when
 * all are there: a kill before that changes nothing.
 * @throws CtError when the annotations there are someone else's
 */
export async function redraw(
  place: SynthPlace,
  requests: readonly SynthRequest[],
  options: Omit<SynthOptions, "folder" | "layout">,
): Promise<void> {
  const { folder, layout } = place;
  const before = drawnFiles(place);
  const unfinished = temporaryPath(folder);
  try {
    const rows = await writeSynthetic(requests, { ...options, layout, folder: unfinished });
    const drawn = rows.map(({ image }) => image);
    for (const image of drawn) move(join(unfinished, image), join(folder, image));
    const annotations = annotationFile(layout);
    if (annotations !== undefined) move(join(unfinished, annotations), join(folder, annotations));
    const kept = new Set(drawn.map((image) => join(folder, image)));
    for (const path of before) if (!kept.has(path)) rmSync(path, { force: true });
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function move(from: string, to: string): void {
  if (!existsSync(dirname(to))) mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
}
