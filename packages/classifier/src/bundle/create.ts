import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { CtError, writeFileAtomic } from "@classifier-training/base";
import { labelsMappingFile } from "../inference/labels-mapping.ts";
import { openModelFiles } from "../inference/model-files.ts";
import { OnnxClassifier } from "../inference/onnx-classifier.ts";
import { proportion } from "../statistics/interval.ts";
import { type BundleManifest, manifestFile, manifestHash, manifestHashKey, sha256 } from "./manifest.ts";

export interface GoldenPicture {
  readonly path: string;
  readonly label: string;
}

export interface BundleSource {
  readonly modelPath: string;
  readonly labelsPath: string;
  /** A few pictures whose outputs are stored, to prove later that another machine computes the same. */
  readonly golden: readonly GoldenPicture[];
  readonly accuracy?: { readonly split: string; readonly correct: number; readonly n: number };
  /** Largest difference between ONNX Runtime's and LibTorch's logits, and on how many pictures. */
  readonly parity?: { readonly maxAbsDiff: number; readonly samples: number };
  readonly source?: { readonly run?: string; readonly weights?: string };
}

/**
 * Writes a bundle into a folder. The manifest comes last: a folder without one is not a bundle.
 * @throws CtError for a folder that holds something other than an earlier bundle
 */
export async function createBundle(folder: string, source: BundleSource): Promise<BundleManifest> {
  if (resolve(dirname(source.modelPath)) === resolve(folder)) {
    throw new CtError({
      code: "bundle/folder",
      what: "the model is in the very folder that the bundle is to be written to",
      where: folder,
      fix: "name another folder with --out",
    });
  }
  await clear(folder);
  mkdirSync(join(folder, "golden"), { recursive: true });
  copyFileSync(source.modelPath, join(folder, "model.onnx"));
  copyFileSync(source.labelsPath, join(folder, labelsMappingFile));
  const pictures = source.golden.map(({ path }, i) => {
    const picture = `golden/${String(i).padStart(3, "0")}${extname(path)}`;
    copyFileSync(path, join(folder, picture));
    return picture;
  });
  const classifier = await OnnxClassifier.load(folder);
  const logits = await classifier.logits(pictures.map((picture) => join(folder, picture)));
  await classifier.close();
  const { accuracy, parity, source: origin } = source;
  const files = await openModelFiles(folder);
  const manifest: BundleManifest = {
    formatVersion: 1,
    createdAt: new Date().toISOString(),
    files: Object.fromEntries(files.list().map((path) => [path, sha256(files.read(path))])),
    golden: pictures.map((picture, i) => ({
      picture,
      label: source.golden[i]?.label ?? "",
      logits: Array.from(logits[i] ?? []),
    })),
    ...(accuracy !== undefined && { accuracy: withInterval(accuracy) }),
    ...(parity !== undefined && { parity: parity.maxAbsDiff, paritySamples: parity.samples }),
    ...(origin !== undefined && { source: origin }),
  };
  const signed = { ...manifest, [manifestHashKey]: manifestHash(manifest) };
  writeFileAtomic(join(folder, manifestFile), `${JSON.stringify(signed, null, 2)}\n`);
  return manifest;
}

/** Makes room for a bundle: an earlier one is replaced, anything else stays. */
async function clear(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const found = readdirSync(folder);
  if (found.length === 0) return;
  if (!found.includes(manifestFile)) {
    throw new CtError({
      code: "bundle/folder",
      what: "the folder holds something that is no bundle",
      where: folder,
      fix: "name another folder with --out",
    });
  }
  // The manifest first: what is left of an interrupted removal is no bundle.
  for (const name of [manifestFile, "model.onnx", labelsMappingFile, "golden"])
    rmSync(join(folder, name), { recursive: true, force: true });
}

function withInterval({
  split,
  correct,
  n,
}: {
  split: string;
  correct: number;
  n: number;
}): NonNullable<BundleManifest["accuracy"]> {
  const { low, high } = proportion(correct, n);
  return { split, correct, n, low, high };
}

/** Writes a bundle's folder as one zip archive beside it. @returns its path */
export async function zipBundle(folder: string): Promise<string> {
  const { zipSync } = await import("fflate");
  const files = await openModelFiles(folder);
  const path = `${folder.replace(/\/+$/, "")}.zip`;
  // Weights and pictures do not compress.
  writeFileSync(path, zipSync(Object.fromEntries(files.list().map((name) => [name, files.read(name)])), { level: 0 }));
  return path;
}
