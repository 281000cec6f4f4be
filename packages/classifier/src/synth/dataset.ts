import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Rng, writeFileAtomic } from "@classifier-training/base";
import type { SplitLayout } from "@classifier-training/vision";
import { broadcast } from "./broadcast.ts";
import { drawJersey, randomStyle } from "./jersey.ts";
import { annotationFile, annotationText, imageName } from "./layout.ts";
import type { ColourName } from "./palette.ts";

/** Goes up when the same request would be drawn otherwise than before. */
export const drawingVersion = 5;

/** One picture to draw. */
export interface SynthRequest {
  readonly label: string;
  readonly jersey?: ColourName;
  readonly number?: ColourName;
}

/** A row of `annotations.jsonl`, with what was drawn as metadata. */
export interface SynthAnnotation {
  readonly image: string;
  readonly prefix: string;
  readonly suffix: string;
  readonly metadata: {
    readonly jersey_color: string;
    readonly number_color: string;
    readonly border: boolean;
    readonly font: string;
    readonly synthetic: true;
  };
}

export interface SynthOptions {
  /** The folder that gets the pictures and their annotations; created when missing. */
  readonly folder: string;
  /** How the pictures are labelled (default `jsonl`). */
  readonly layout?: SplitLayout;
  readonly seed: number;
  /** Names the random stream, so that two splits of one seed differ. */
  readonly stream: string;
  /** Height of a picture in pixels; its width follows from the number. */
  readonly size: number;
  /** 0 (clean) to 1 (the worst broadcast). */
  readonly strength: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Draws and writes one picture per request, and the annotations last: a folder with annotations is complete.
 * The same seed, stream and requests give the same files.
 */
export async function writeSynthetic(
  requests: readonly SynthRequest[],
  options: SynthOptions,
): Promise<SynthAnnotation[]> {
  const { folder, layout = "jsonl", seed, stream, size, strength, onProgress } = options;
  const rows: SynthAnnotation[] = [];
  for (const label of new Set(requests.map((request) => request.label))) {
    await mkdir(dirname(join(folder, imageName(layout, label, 0))), { recursive: true });
  }
  for (const [index, request] of requests.entries()) {
    const rng = Rng.at(seed, stream, index);
    const style = randomStyle(rng, request);
    const drawing = drawJersey(request.label, style, size, rng);
    const file = await broadcast(drawing, { strength }, rng);
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
