import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CtError } from "@classifier-training/base";
import { OnnxClassifier } from "../inference/onnx-classifier.ts";
import { filesOf, sha256 } from "./create.ts";
import { type BundleManifest, bundleManifestSchema } from "./manifest.ts";

export interface BundleCheck {
  readonly manifest: BundleManifest;
  /** What is wrong; empty when the bundle proved itself. */
  readonly problems: readonly string[];
  /** Largest difference between a stored logit and the one computed here. */
  readonly largestDifference: number;
}

/** Logits may differ between processors in the last digits of float32 sums. */
const tolerance = 1e-3;

/** Checks every file's hash and runs the model on the stored pictures. @throws CtError when there is no bundle */
export async function verifyBundle(folder: string): Promise<BundleCheck> {
  const manifest = readManifest(folder);
  const problems = [...fileProblems(folder, manifest)];
  if (problems.length > 0) return { manifest, problems, largestDifference: Number.NaN };
  const classifier = await OnnxClassifier.load(folder);
  const rows = await classifier.logits(manifest.golden.map(({ picture }) => join(folder, picture)));
  await classifier.close();
  let largestDifference = 0;
  for (const [i, { picture, logits }] of manifest.golden.entries()) {
    const difference = Math.max(...logits.map((value, k) => Math.abs(value - (rows[i]?.[k] ?? Number.NaN))));
    if (!(difference <= tolerance))
      problems.push(`${picture}: the logits differ by ${difference.toExponential(1)} from the stored ones`);
    largestDifference = Math.max(largestDifference, difference);
  }
  return { manifest, problems, largestDifference };
}

function readManifest(folder: string): BundleManifest {
  const path = join(folder, "bundle.json");
  if (!existsSync(path)) {
    throw new CtError({
      code: "bundle/missing",
      what: "this is not a bundle: it has no bundle.json",
      where: folder,
      fix: "make one with `classifier export RUN`",
    });
  }
  const parsed = bundleManifestSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CtError({
    code: "bundle/manifest",
    what: `the manifest is not valid: ${issue?.path.join(".")}: ${issue?.message}`,
    where: path,
  });
}

function* fileProblems(folder: string, { files }: BundleManifest): Generator<string> {
  for (const [path, hash] of Object.entries(files)) {
    if (!existsSync(join(folder, path))) yield `${path}: is missing`;
    else if (sha256(join(folder, path)) !== hash) yield `${path}: was changed after the bundle was made`;
  }
  for (const path of filesOf(folder)) if (!(path in files)) yield `${path}: is not part of the bundle`;
}
