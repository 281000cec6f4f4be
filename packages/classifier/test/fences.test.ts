import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quick, start, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 60_000 });

let dir = "";
let remove = () => {};
beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 4, valid: 2 }));
});
afterAll(() => remove());

const small = [...quick, "model.stem=small", "data.batch_size=4", "trainer.max_epochs=2"];

test("what only reports does not end a training: each such callback is warned about once", async () => {
  // No folder can be made below a file.
  const reports = ["confusion_matrix", "training_history", "sample_visualization", "grad_cam", "report", "model_info"];
  const broken = reports.map((name) => `callbacks.${name}.output_dir=data/train/annotations.jsonl/plots`);
  const { code, text } = await inProcess(["train", ...small, ...broken, "hydra.run.dir=fenced"], dir);
  expect(code, text.slice(-2000)).toBe(0);
  const warned = [...text.matchAll(/WARNING: (\w+)\.\w+ failed, training continues without its report: .*ENOTDIR/g)];
  expect(warned.map(([, name]) => name).sort()).toEqual([
    "ClassificationReportCallback",
    "ConfusionMatrixCallback",
    "GradCAMCallback",
    "ModelInfoCallback",
    "SampleVisualizationCallback",
    "TrainingHistoryCallback",
  ]);
  expect(existsSync(join(dir, "fenced/model.onnx"))).toBe(true);
});

test("a training goes to its end when nobody reads its output, and another command ends as SIGPIPE ends it", async () => {
  const training = start(
    ["train", ...small, "hydra.run.dir=unread", "callbacks.model_checkpoint.dirpath=unread/checkpoints"],
    dir,
  );
  training.process.stdout?.destroy();
  training.process.stderr?.destroy();
  expect((await training.done).code).toBe(0);
  expect(existsSync(join(dir, "unread/model.onnx"))).toBe(true);
  const predicting = start(["predict", "unread", ...Array.from({ length: 50 }, () => "data/valid/7")], dir);
  predicting.process.stdout?.destroy();
  const { code, stderr } = await predicting.done;
  expect({ code, stderr }).toEqual({ code: 141, stderr: "" });
});
