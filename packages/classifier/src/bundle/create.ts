import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { CtError, writeFileAtomic } from "@classifier-training/base";
import { OnnxClassifier, openModelFiles } from "@classifier-training/inference";
import {
  type BundleManifest,
  bundlePaths,
  manifestHash,
  manifestHashKey,
  sha256,
  wilsonInterval,
} from "@classifier-training/runs";
import { replaceFolder } from "./replace-folder.ts";

export interface GoldenSample {
  readonly path: string;
  readonly label: string;
  /** Its bytes, where it is not a file of its own. */
  readonly read?: (() => Promise<Uint8Array>) | undefined;
}

export interface BundleSource {
  readonly modelPath: string;
  readonly labelsPath: string;
  /** Samples whose logits are stored, to check that another machine computes the same. */
  readonly golden: readonly GoldenSample[];
  readonly accuracy?: Omit<NonNullable<BundleManifest["accuracy"]>, "low" | "high">;
  /** Largest difference between ONNX Runtime's and LibTorch's logits, and on how many images. */
  readonly parity?: { readonly maxAbsDiff: number; readonly samples: number };
  readonly source?: { readonly run?: string; readonly weights?: string };
}

/**
 * Writes a bundle into a folder, in place of an earlier one once it is whole.
 * @throws CtError for a folder that holds something other than an earlier bundle
 */
export async function createBundle(folder: string, source: BundleSource): Promise<BundleManifest> {
  if (resolve(dirname(source.modelPath)) === resolve(folder)) {
    throw new CtError({
      code: "bundle/folder",
      what: "the model is in the output folder of the bundle",
      where: folder,
      fix: "give another folder with --out",
    });
  }
  checkReplaceable(folder);
  return replaceFolder(folder, bundlePaths.manifest, async (unfinished) => {
    keepOthers(folder, unfinished);
    return fill(unfinished, source);
  });
}

async function fill(folder: string, source: BundleSource): Promise<BundleManifest> {
  mkdirSync(join(folder, bundlePaths.golden));
  copyFileSync(source.modelPath, join(folder, bundlePaths.model));
  copyFileSync(source.labelsPath, join(folder, bundlePaths.labels));
  const images: string[] = [];
  for (const [i, { path, read }] of source.golden.entries()) {
    const image = `${bundlePaths.golden}/${String(i).padStart(3, "0")}${extname(path)}`;
    if (read === undefined) copyFileSync(path, join(folder, image));
    else writeFileSync(join(folder, image), await read());
    images.push(image);
  }
  const classifier = await OnnxClassifier.load(folder);
  const logits = await classifier.logits(images.map((image) => join(folder, image)));
  await classifier.close();
  const { accuracy, parity, source: origin } = source;
  const files = await openModelFiles(folder);
  const manifest: BundleManifest = {
    formatVersion: 1,
    createdAt: new Date().toISOString(),
    files: Object.fromEntries(files.list().map((path) => [path, sha256(files.read(path))])),
    golden: images.map((image, i) => ({
      image,
      label: source.golden[i]?.label ?? "",
      logits: Array.from(logits[i] ?? []),
    })),
    ...(accuracy !== undefined && { accuracy: withInterval(accuracy) }),
    ...(parity !== undefined && { parity: parity.maxAbsDiff, paritySamples: parity.samples }),
    ...(origin !== undefined && { source: origin }),
  };
  const signed = { ...manifest, [manifestHashKey]: manifestHash(manifest) };
  writeFileAtomic(join(folder, bundlePaths.manifest), `${JSON.stringify(signed, null, 2)}\n`);
  return manifest;
}

const own = new Set<string>(Object.values(bundlePaths));

/** An earlier bundle is replaced, anything else stays. */
function checkReplaceable(folder: string): void {
  const found = existsSync(folder) ? readdirSync(folder) : [];
  if (found.length === 0 || found.includes(bundlePaths.manifest)) return;
  throw new CtError({
    code: "bundle/folder",
    what: "the folder has files that do not belong to a bundle",
    where: folder,
    fix: "give another folder with --out",
  });
}

/** Files that someone has added to an earlier bundle are part of the next. */
function keepOthers(folder: string, next: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder))
    if (!own.has(name)) cpSync(join(folder, name), join(next, name), { recursive: true });
}

function withInterval(accuracy: NonNullable<BundleSource["accuracy"]>): NonNullable<BundleManifest["accuracy"]> {
  const { low, high } = wilsonInterval(accuracy.correct, accuracy.n);
  return { ...accuracy, low, high };
}

/** Writes a bundle's folder as one zip archive beside it. @returns its path */
export async function zipBundle(folder: string): Promise<string> {
  const { zipSync } = await import("fflate");
  const files = await openModelFiles(folder);
  const path = `${folder.replace(/\/+$/, "")}.zip`;
  // Weights and images do not compress.
  writeFileAtomic(
    path,
    zipSync(Object.fromEntries(files.list().map((name) => [name, files.read(name)])), { level: 0 }),
  );
  return path;
}
