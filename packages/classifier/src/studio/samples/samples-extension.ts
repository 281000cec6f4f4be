import { closeSync, existsSync, readSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { CtError, openRegularFile } from "@classifier-training/base";
import type { Answer, Call, Extension, SampleAccess } from "@classifier-training/dashboard";
import { classNamesOfRun, type Run, runPaths } from "@classifier-training/runs";
import { render } from "../renderings.ts";
import { Explainer } from "./explainer.ts";
import { marksOf, writeMark } from "./marks.ts";
import {
  imageBytes,
  type SampleData,
  type SamplePlaces,
  sampleDataOf,
  sampleNameOf,
  storedImage,
} from "./sample-data.ts";

/** Longest side in pixels of images that have to be converted. */
const convertedSide = 1600;

/** How files start that every browser shows. */
const shownByBrowsers: Readonly<Record<string, RegExp>> = {
  ".jpg": /^\xff\xd8\xff/,
  ".jpeg": /^\xff\xd8\xff/,
  ".png": /^\x89PNG\r\n/,
  ".webp": /^RIFF....WEBP/s,
};

/**
 * The images of the samples that runs have predicted, where the network looked (Grad-CAM), and what was marked of them, which
 * is written to the edits of the data.
 */
export function samplesExtension(places: SamplePlaces): Extension {
  const explainer = new Explainer();
  return {
    name: "samples",
    close: () => explainer.close(),
    routes: [
      { method: "GET", path: "runs/KEY/sample-access", answer: ({ run }) => ({ json: accessOf(run, places) }) },
      { method: "GET", path: "runs/KEY/sample-image", answer: image },
      { method: "GET", path: "runs/KEY/grad-cam", answer: explained },
      { method: "GET", path: "runs/KEY/marks", answer: ({ run }) => marks(run) },
      {
        method: "POST",
        path: "runs/KEY/marks",
        answer: ({ run, body }) => {
          writeMark(sampleDataOf(run, places), body);
          return marks(run);
        },
      },
    ],
  };

  function marks(run: Run): Answer {
    return { json: marksOf(sampleDataOf(run, places), classNamesOfRun(run) ?? []) };
  }

  function image({ run, query }: Call): Promise<Answer> {
    const data = sampleDataOf(run, places);
    const sample = query.get("sample") ?? "";
    // The map of embeddings names images by their paths in the data.
    return imageAnswer(data, query.get("in") === "data" ? sampleNameOf(data, sample) : sample);
  }

  async function explained({ run, query, request }: Call): Promise<Answer> {
    const image = await imageBytes(sampleDataOf(run, places), query.get("sample") ?? "");
    const gone = new AbortController();
    const leave = () => gone.abort();
    request.socket.once("close", leave);
    try {
      const bytes = await explainer.explain(run.dir, versionOf(run), image, query.get("class") ?? "", gone.signal);
      return { bytes, type: "image/png" };
    } finally {
      request.socket.off("close", leave);
    }
  }
}

function accessOf(run: Run, places: SamplePlaces): SampleAccess {
  try {
    const { root } = sampleDataOf(run, places);
    return { root, canMark: true, canExplain: run.record.kind === "train" };
  } catch (error) {
    if (!CtError.is(error)) throw error;
    const { what, fix } = error.problem;
    return { problem: `${what}: ${fix}`, canMark: false, canExplain: false };
  }
}

/** As it is where browsers show it; anything else is decoded, which only images can be. */
async function imageAnswer(data: SampleData, sample: string): Promise<Answer> {
  const stored = await storedImage(data, sample);
  if ("file" in stored && shownByBrowsers[extname(stored.file).toLowerCase()]?.test(startOf(stored.file)))
    return stored;
  const { bytes } = await render(await imageBytes(data, sample), convertedSide, sample);
  return { bytes, type: "image/webp" };
}

function startOf(path: string): string {
  const { file } = openRegularFile(path);
  try {
    const start = Buffer.alloc(16);
    return start.toString("latin1", 0, readSync(file, start, 0, start.length, 0));
  } finally {
    closeSync(file);
  }
}

/** Another one when training has written another best checkpoint. */
function versionOf({ dir, record }: Run): string {
  const path = join(dir, record.checkpointPath ?? runPaths.record);
  return existsSync(path) ? `${statSync(path).mtimeMs}` : "";
}
