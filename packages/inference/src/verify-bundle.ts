import { CtError, parseOptions } from "@classifier-training/base";
import {
  type BundleManifest,
  bundleManifestSchema,
  bundlePaths,
  manifestHash,
  manifestHashKey,
  sha256,
} from "@classifier-training/runs";
import { type ModelFiles, openModelFiles } from "./model-files.ts";
import { OnnxClassifier } from "./onnx-classifier.ts";

export interface BundleCheck {
  readonly manifest: BundleManifest;
  /** Empty for an intact bundle. */
  readonly problems: readonly string[];
  /** Largest difference between a stored logit and the one computed here. */
  readonly largestDifference: number;
}

/** Logits may differ between processors in the last digits of float32 sums. */
const tolerance = 1e-3;

/**
 * Checks the hash of every file, and the logits of the golden samples.
 * @param path a bundle's folder, or its zip archive
 * @throws CtError when there is no bundle
 */
export async function verifyBundle(path: string): Promise<BundleCheck> {
  const files = await openModelFiles(path);
  if (!files.has(bundlePaths.manifest)) throw notABundle(files.locate(bundlePaths.manifest));
  const { manifest, changed } = readManifest(files);
  const problems = [...(changed ? [wasChanged(bundlePaths.manifest)] : []), ...fileProblems(files, manifest)];
  if (problems.length > 0) return { manifest, problems, largestDifference: Number.NaN };
  const classifier = await OnnxClassifier.load(path);
  const rows = await classifier.logits(manifest.golden.map(({ image }) => files.read(image)));
  await classifier.close();
  let largestDifference = 0;
  for (const [i, { image, logits }] of manifest.golden.entries()) {
    const row = rows[i] ?? new Float32Array(0);
    // A row of another length cannot be compared.
    const difference = row.reduce(
      (largest, value, k) => Math.max(largest, Math.abs(value - (logits[k] ?? Number.NaN))),
      row.length === logits.length ? 0 : Number.NaN,
    );
    if (!(difference <= tolerance))
      problems.push(`${image}: the logits differ by ${difference.toExponential(1)} from the stored ones`);
    largestDifference = Math.max(largestDifference, difference);
  }
  return { manifest, problems, largestDifference };
}

function notABundle(where: string): CtError {
  const fix = "create a bundle with `classifier export RUN`";
  return new CtError({ code: "bundle/missing", what: "expected a bundle, found no manifest", where, fix });
}

function readManifest(files: ModelFiles): { manifest: BundleManifest; changed: boolean } {
  const where = files.locate(bundlePaths.manifest);
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(new TextDecoder().decode(files.read(bundlePaths.manifest))) as Record<string, unknown>;
  } catch (cause) {
    throw new CtError({ code: "bundle/manifest", what: "the manifest is not JSON", where, cause });
  }
  const manifest = parseOptions("the manifest is not valid", bundleManifestSchema, value, (problem) => {
    return new CtError({ code: "bundle/manifest", ...problem, where });
  });
  return { manifest, changed: value[manifestHashKey] !== manifestHash(value) };
}

function* fileProblems(found: ModelFiles, { files, golden }: BundleManifest): Generator<string> {
  for (const [path, hash] of Object.entries(files)) {
    if (!found.has(path)) yield `${path}: is missing`;
    else if (sha256(found.read(path)) !== hash) yield wasChanged(path);
  }
  for (const path of found.list())
    if (path !== bundlePaths.manifest && !Object.hasOwn(files, path)) yield `${path}: is not part of the bundle`;
  for (const { image } of golden) if (!Object.hasOwn(files, image)) yield `${image}: has no hash`;
}

function wasChanged(path: string): string {
  return `${path}: was changed after the bundle was created`;
}
