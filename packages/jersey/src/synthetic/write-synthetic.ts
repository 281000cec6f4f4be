import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Rng, writeFileAtomic } from "@classifier-training/base";
import type { SplitLayout } from "@classifier-training/vision";
import { annotationFile, annotationText, imageName, type SynthAnnotation } from "./layout.ts";
import type { ColorName } from "./palette.ts";

/** Increases when the same request is rendered differently than before. */
export const rendererVersion = 5;

/** One image to render. */
export interface SynthRequest {
  readonly label: string;
  readonly jersey?: ColorName;
  readonly number?: ColorName;
}

export interface SynthOptions {
  /** The folder that gets the images and their annotations; created when missing. */
  readonly folder: string;
  /** How the images are labeled (default `jsonl`). */
  readonly layout?: SplitLayout;
  readonly seed: number;
  /** Names the random stream, so that two splits of one seed differ. */
  readonly stream: string;
  /** Height of an image in pixels; its width follows from the number. */
  readonly size: number;
  /** Degradation by the broadcast: 0 (clean) to 1 (worst). */
  readonly strength: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Renders and writes one image per request, and the annotations last: a folder with annotations is complete. The same
 * seed, stream and requests give the same files.
 */
export async function writeSynthetic(
  requests: readonly SynthRequest[],
  options: SynthOptions,
): Promise<SynthAnnotation[]> {
  // Canvas, fonts and image encoder are loaded when something is rendered.
  const { randomStyle, renderJersey } = await import("./render-jersey.ts");
  const { broadcast } = await import("./broadcast.ts");
  const { folder, layout = "jsonl", seed, stream, size, strength, onProgress } = options;
  const rows: SynthAnnotation[] = [];
  for (const label of new Set(requests.map((request) => request.label))) {
    await mkdir(dirname(join(folder, imageName(layout, label, 0))), { recursive: true });
  }
  for (const [index, request] of requests.entries()) {
    const rng = Rng.at(seed, stream, index);
    const style = randomStyle(rng, request);
    const rendered = renderJersey(request.label, style, size, rng);
    const file = await broadcast(rendered, { strength }, rng);
    const image = imageName(layout, request.label, index);
    await writeFile(join(folder, image), file);
    rows.push({
      image,
      prefix: "Read the number.",
      suffix: request.label,
      metadata: {
        jersey_color: style.jersey,
        number_color: style.number,
        border: style.border !== undefined,
        font: style.font.replace("Jersey ", ""),
        synthetic: true,
      },
    });
    onProgress?.(index + 1, requests.length);
  }
  const file = annotationFile(layout);
  if (file !== undefined) writeFileAtomic(join(folder, file), annotationText(layout, rows));
  return rows;
}
