import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CtError } from "@classifier-training/base";
import type { LoggedImage, LoggedTable } from "@classifier-training/lightning";

/** A history value that stands for files, and the files (relative to the run's `files/`). */
export interface MediaValue {
  readonly value: Readonly<Record<string, unknown>>;
  readonly paths: readonly string[];
}

/** Stores PNG images as `media/images/KEY_STEP_HASH.png`; several become one strip of separate images. */
export function storeImages(filesDir: string, key: string, images: readonly LoggedImage[], step: number): MediaValue {
  const stored = images.map(({ png }, i) => {
    const hash = createHash("sha256").update(png).digest("hex");
    // Equal images in one list would share a file; the index keeps W&B's one-file-an-item.
    const name =
      images.length === 1 ? `${key}_${step}_${hash.slice(0, 20)}` : `${key}_${step}_${i}_${hash.slice(0, 20)}`;
    return { path: storeMedia(filesDir, `media/images/${name}.png`, png), hash, bytes: png.length, ...pngSize(png) };
  });
  const captions = images.map(({ caption }) => caption);
  const first = stored[0];
  if (first === undefined) throw new CtError({ code: "wandb/images", what: `no images given for '${key}'` });
  const paths = stored.map(({ path }) => path);
  const { width, height } = first;
  if (stored.length === 1) {
    const [caption] = captions;
    return {
      value: {
        _type: "image-file",
        format: "png",
        width,
        height,
        path: first.path,
        sha256: first.hash,
        size: first.bytes,
        caption,
      },
      paths,
    };
  }
  return {
    value: {
      _type: "images/separated",
      width,
      height,
      format: "png",
      count: stored.length,
      filenames: paths,
      captions: captions.some((caption) => caption !== undefined) ? captions.map((c) => c ?? "") : undefined,
    },
    paths,
  };
}

/** Stores a table as `media/table/KEY_STEP_HASH.table.json`. */
export function storeTable(filesDir: string, key: string, { columns, data }: LoggedTable, step: number): MediaValue {
  const json = Buffer.from(JSON.stringify({ columns, data }));
  const hash = createHash("sha256").update(json).digest("hex");
  const path = storeMedia(filesDir, `media/table/${key}_${step}_${hash.slice(0, 20)}.table.json`, json);
  const value = {
    _type: "table-file",
    ncols: columns.length,
    nrows: data.length,
    log_mode: "IMMUTABLE",
    path,
    sha256: hash,
    size: json.length,
  };
  return { value, paths: [path] };
}

/** A histogram of 64 equal bins, as W&B stores it in the history itself. */
export function histogramValue(values: ArrayLike<number>, bins = 64): Readonly<Record<string, unknown>> {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    if (!Number.isFinite(v)) continue;
    min = Math.min(min, v);
    max = Math.max(max, v);
  }
  if (min > max) [min, max] = [0, 1];
  if (min === max) [min, max] = [min - 0.5, max + 0.5];
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    if (!Number.isFinite(v)) continue;
    const bin = Math.min(bins - 1, Math.floor(((v - min) / (max - min)) * bins));
    counts[bin] = (counts[bin] as number) + 1;
  }
  const edges = Array.from({ length: bins + 1 }, (_, i) => min + ((max - min) * i) / bins);
  return { _type: "histogram", values: counts, bins: edges };
}

/** Width and height of a PNG, pixels. */
export function pngSize(png: Uint8Array): { readonly width: number; readonly height: number } {
  const view = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  if (view.length < 24 || view.toString("latin1", 1, 4) !== "PNG") {
    throw new CtError({ code: "logger/image", what: "the image is not a PNG file", fix: "encode it as PNG first" });
  }
  return { width: view.readUInt32BE(16), height: view.readUInt32BE(20) };
}

function storeMedia(filesDir: string, path: string, bytes: Uint8Array): string {
  const safe = path.replaceAll(/[:*?"<>|\\]/g, "_").replaceAll(/(^|\/)\.\.(?=\/)/g, "$1_");
  const target = join(filesDir, safe);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, bytes);
  return safe;
}
