import { statSync } from "node:fs";
import { join } from "node:path";
import { parentPort } from "node:worker_threads";
import { CtError } from "@classifier-training/base";
import type { Prediction } from "@classifier-training/dashboard";
import { type Classifier, OnnxClassifier } from "@classifier-training/inference";
import { runPaths } from "@classifier-training/runs";
import type { PredictAnswer, PredictTask } from "./predictor.ts";

/** The model that was asked last stays open. */
let opened: { readonly key: string; readonly classifier: Classifier } | undefined;

/** Images are classified one after the other: two models at once take twice the memory. */
let last: Promise<unknown> = Promise.resolve();

parentPort?.on("message", (task: PredictTask) => {
  last = last
    .then(() => predict(task))
    .then(
      (prediction) => parentPort?.postMessage({ id: task.id, prediction } satisfies PredictAnswer),
      (error: unknown) => parentPort?.postMessage({ id: task.id, problem: problemOf(error) } satisfies PredictAnswer),
    );
});

async function predict({ run, image, classes }: PredictTask): Promise<Prediction> {
  const { classifier } = await open(run);
  const start = performance.now();
  const topK = Math.min(classes, classifier.classNames.length);
  const [all = []] = await classifier.predictEach([image], { topK });
  if (CtError.is(all)) {
    const what = `this file is not an image that can be read: ${all.problem.what.replace(/^images\[0\] /, "it ")}`;
    throw new CtError({ code: "studio/image", what, fix: "give a JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP file" });
  }
  return {
    classes: all.map(({ label, probability }) => ({ label, probability })),
    ms: performance.now() - start,
  };
}

async function open(run: string) {
  const found = statSync(join(run, runPaths.model), { throwIfNoEntry: false });
  const key = `${run}:${found?.mtimeMs}`;
  if (opened?.key === key) return opened;
  await opened?.classifier.close();
  opened = undefined;
  // A training beside it has the other cores.
  opened = { key, classifier: await OnnxClassifier.load(run, { threads: 1 }) };
  return opened;
}

function problemOf(error: unknown) {
  if (!CtError.is(error)) return { what: error instanceof Error ? error.message : String(error) };
  const { what, where, fix } = error.problem;
  return { what, ...(where !== undefined && { where }), ...(fix !== undefined && { fix }) };
}
