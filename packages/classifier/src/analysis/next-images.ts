import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, relative, sep } from "node:path";
import { CtError, getLogger, plural, progressInLog } from "@classifier-training/base";
import { functional, readImage } from "@classifier-training/image";
import { filesBelow, isImageName } from "@classifier-training/image/files";
import type { DataAnalysis, Judges } from "@classifier-training/runs";
import { softmax } from "../evaluation/held-out.ts";
import { type Candidate, chooseNext } from "../evaluation/label-next.ts";
import { type FoldChoices, trainFolds } from "./fold-runs.ts";
import { type AnalysisRequest, runsIn } from "./judged.ts";
import { type DataImage, openLabeledData } from "./labeled-data.ts";
import { openNetwork, progressMs } from "./network.ts";

const log = getLogger("classifier.data");

type Next = Omit<DataAnalysis<"next">, "formatVersion" | "data">;

interface Known extends Candidate {
  readonly image: DataImage;
  readonly suggested: string | null;
  readonly probability: number | null;
}

export interface NextRequest extends Pick<AnalysisRequest, "root" | "reading" | "models"> {
  /** Without models: folds that are trained first; undefined for a choice without any network. */
  readonly folds: FoldChoices | undefined;
}

/**
 * The unlabeled images whose labels help most.
 * @param images a folder of images in place of those that the data has no label for
 * @throws CtError where there are none
 */
export async function nextImages(
  { root, reading, models, folds }: NextRequest,
  images: string | undefined,
  count: number,
): Promise<Next> {
  const folder = images ?? root;
  const found = images === undefined ? await unlabeledIn(root, reading) : listed(images);
  if (found.length === 0) {
    throw new CtError({
      code: "data/unlabeled",
      what: "there is no image without a label",
      where: folder,
      fix: "give a folder of images with --images FOLDER",
    });
  }
  const hashed = found.map((image) => ({ ...image, content: contentOf(image.path) }));
  const trained =
    models.length > 0 || folds === undefined ? models : await trainFolds(await openLabeledData(root, reading), folds);
  const known = trained.length === 0 ? await byThumbnails(hashed) : await byNetworks(hashed, runsIn(trained));
  const chosen = chooseNext(known.rows, count);
  return {
    judges: known.judges,
    root: folder,
    unlabeled: found.length,
    images: chosen.map((i) => {
      const { image, suggested, probability, uncertainty } = known.rows[i] as Known;
      return { sample: image.sample, suggested, probability, uncertainty: suggested === null ? null : uncertainty };
    }),
  };
}

type Unlabeled = Pick<DataImage, "sample" | "path">;

/** Of data without classes all images. */
async function unlabeledIn(root: string, reading: AnalysisRequest["reading"]): Promise<readonly Unlabeled[]> {
  try {
    return (await openLabeledData(root, reading)).unlabeled;
  } catch (error) {
    const isWithoutClasses = CtError.is(error) && existsSync(root) && statSync(root).isDirectory();
    const all = isWithoutClasses && !hasFolders(root) ? listed(root) : [];
    if (all.length === 0) throw error;
    return all;
  }
}

function hasFolders(root: string): boolean {
  return listed(root).some(({ sample }) => sample.includes("/"));
}

function listed(folder: string): Unlabeled[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new CtError({
      code: "data/images",
      what: "expected a folder of images",
      where: folder,
      fix: "give a folder that exists: --images FOLDER",
    });
  }
  return filesBelow(folder, (name) => isImageName(basename(name)))
    .sort()
    .map((path) => ({ path, sample: relative(folder, path).split(sep).join("/") }));
}

function contentOf(path: string): string {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 32);
  } catch {
    return "";
  }
}

interface KnownImages {
  readonly rows: readonly Known[];
  readonly judges: Judges;
}

/** The mean of what the networks say, and the features of the first: all are unlabeled, so none has learned from them. */
async function byNetworks(images: readonly DataImage[], models: readonly string[]): Promise<KnownImages> {
  const sums = images.map(() => new Map<string, number>());
  const features = images.map((): Float32Array | undefined => undefined);
  let knowing = 0;
  for (const name of models) {
    const network = await openNetwork(name);
    try {
      const { classNames } = network;
      for (const [i, row] of (await network.describe(images)).entries()) {
        if (row === undefined) continue;
        features[i] ??= row.features;
        const probabilities = softmax(row.logits);
        for (const [k, label] of (classNames ?? []).entries()) {
          const p = probabilities[k] as number;
          sums[i]?.set(label, (sums[i]?.get(label) ?? 0) + p);
        }
      }
      if (classNames !== undefined) knowing++;
    } finally {
      await network.close();
    }
  }
  const rows = images.flatMap((image, i): Known[] => {
    const own = features[i];
    if (own === undefined) return [];
    const [first, second] = [...(sums[i] ?? [])].sort((a, b) => b[1] - a[1]);
    if (first === undefined) return [{ image, features: own, uncertainty: 1, suggested: null, probability: null }];
    const [p1, p2] = [first[1] / knowing, (second?.[1] ?? 0) / knowing];
    const uncertainty = Math.min(1, Math.max(0, 1 - (p1 - p2)));
    return [{ image, features: own, uncertainty, suggested: first[0], probability: Math.min(1, p1) }];
  });
  const how =
    knowing === 0
      ? "different from each other, by the features of a network that does not know the classes"
      : "uncertain and different from each other";
  const judges = { by: "unseen", models: [...models], images: 0, leftOut: 0, note: how } as const;
  return { rows, judges: { ...judges, models: [...models] } };
}

const thumbnailSide = 8;

async function byThumbnails(images: readonly DataImage[]): Promise<KnownImages> {
  const progress = progressInLog(log, (done, total) => `thumbnails: ${done} of ${total}`, progressMs);
  const rows: Known[] = [];
  let unreadable = 0;
  for (const [i, image] of images.entries()) {
    try {
      const small = Float32Array.from(
        functional.resize(await readImage(image.path), thumbnailSide, thumbnailSide).data,
      );
      const mean = small.reduce((sum, value) => sum + value, 0) / small.length;
      const features = small.map((value) => value - mean);
      rows.push({ image, features, uncertainty: 1, suggested: null, probability: null });
    } catch (error) {
      if (!CtError.is(error)) throw error;
      unreadable++;
    }
    progress(i + 1, images.length);
  }
  if (unreadable > 0) log.warning(`${plural(unreadable, "image")} left out (cannot be read)`);
  const note = "different from each other, by thumbnails of 8 x 8 pixels: --model RUN also finds the uncertain ones";
  return { rows, judges: { by: "thumbnails", models: [], images: 0, leftOut: 0, note } };
}
