import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { writeFileAtomic } from "@classifier-training/base";
import { OnnxClassifier } from "../inference/onnx-classifier.ts";
import { proportion } from "../statistics/interval.ts";
import type { BundleManifest } from "./manifest.ts";

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
  readonly parity?: number;
  readonly source?: { readonly run?: string; readonly weights?: string };
}

/** Writes a bundle into a folder. The manifest comes last: a folder without one is not a bundle. */
export async function createBundle(folder: string, source: BundleSource): Promise<BundleManifest> {
  mkdirSync(join(folder, "golden"), { recursive: true });
  copyFileSync(source.modelPath, join(folder, "model.onnx"));
  copyFileSync(source.labelsPath, join(folder, "labels_mapping.json"));
  const pictures = source.golden.map(({ path }, i) => {
    const picture = `golden/${String(i).padStart(3, "0")}${extname(path)}`;
    copyFileSync(path, join(folder, picture));
    return picture;
  });
  const classifier = await OnnxClassifier.load(folder);
  const logits = await classifier.logits(pictures.map((picture) => join(folder, picture)));
  await classifier.close();
  const { accuracy, parity, source: origin } = source;
  const manifest: BundleManifest = {
    formatVersion: 1,
    createdAt: new Date().toISOString(),
    files: Object.fromEntries(filesOf(folder).map((path) => [path, sha256(join(folder, path))])),
    golden: pictures.map((picture, i) => ({
      picture,
      label: source.golden[i]?.label ?? "",
      logits: Array.from(logits[i] ?? []),
    })),
    ...(accuracy !== undefined && { accuracy: withInterval(accuracy) }),
    ...(parity !== undefined && { parity }),
    ...(origin !== undefined && { source: origin }),
  };
  writeFileAtomic(join(folder, "bundle.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
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

/** Every file of a bundle but its manifest, as paths with forward slashes. */
export function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((path) => path !== "bundle.json")
    .sort();
}

export function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
