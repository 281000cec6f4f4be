import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryPath } from "@classifier-training/base";
import { annotationFile, type SynthPlace, syntheticFiles } from "./layout.ts";
import { type SynthOptions, type SynthRequest, writeSynthetic } from "./write-synthetic.ts";

/**
 * Renders images into a place and removes those that an earlier run rendered there. They are rendered into a temporary
 * folder and moved when complete: a kill before that changes nothing.
 * @throws CtError when the annotations there are not of synthetic images
 */
export async function replaceSynthetic(
  place: SynthPlace,
  requests: readonly SynthRequest[],
  options: Omit<SynthOptions, "folder" | "layout">,
): Promise<void> {
  const { folder, layout } = place;
  const before = syntheticFiles(place);
  const unfinished = temporaryPath(folder);
  try {
    const rows = await writeSynthetic(requests, { ...options, layout, folder: unfinished });
    const rendered = rows.map(({ image }) => image);
    for (const image of rendered) move(join(unfinished, image), join(folder, image));
    const annotations = annotationFile(layout);
    if (annotations !== undefined) move(join(unfinished, annotations), join(folder, annotations));
    const kept = new Set(rendered.map((image) => join(folder, image)));
    for (const path of before) if (!kept.has(path)) rmSync(path, { force: true });
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function move(from: string, to: string): void {
  if (!existsSync(dirname(to))) mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
}
