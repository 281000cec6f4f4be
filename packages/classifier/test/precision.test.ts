import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession } from "@classifier-training/inference/runtime";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quick, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 120_000 });

let dir = "";
let remove = () => {};
beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 8, valid: 4 }));
});
afterAll(() => remove());

/** The callbacks of the default configuration, and those that touch weights or feed the network themselves. */
const callbacks = [
  "+callbacks.swa={_target_: lightning.pytorch.callbacks.StochasticWeightAveraging, swa_lrs: 0.001, swa_epoch_start: 1}",
  "+callbacks.upright={_target_: classifier_training.callbacks.upright.UprightCallback, epochs: [1]}",
  "+callbacks.histograms={_target_: classifier_training.callbacks.histograms.HistogramCallback, every_n_steps: 1}",
  "+logging.tensorboard={_target_: lightning.pytorch.loggers.TensorBoardLogger, save_dir: tensorboard}",
];

test.each(["64-true", "bf16-true", "16-true", "bf16-mixed"])(
  "every callback works in precision %s, and the export is float32",
  async (precision) => {
    const { code, text } = await inProcess(
      [
        "train",
        ...quick,
        ...callbacks,
        `trainer.precision=${precision}`,
        "model.stem=small",
        "data.batch_size=4",
        "trainer.max_epochs=2",
        `hydra.run.dir=${precision}`,
        `callbacks.model_checkpoint.dirpath=${precision}/checkpoints`,
      ],
      dir,
    );
    expect(code, text.slice(-3000)).toBe(0);
    expect(readFileSync(join(dir, precision, "train.log"), "utf8")).toContain("latency, one image");
    expect(text).not.toMatch(/failed, training continues/);
    const session = await InferenceSession.create(join(dir, precision, "model.onnx"));
    expect(session.inputMetadata).toMatchObject([{ type: "float32" }]);
    await session.release();
    expect(readFileSync(join(dir, precision, "epoch_001/grad_cam.png")).length).toBeGreaterThan(1000);
    const predicted = await inProcess(["predict", precision, "data/valid/7"], dir);
    expect(predicted.code, predicted.text).toBe(0);
  },
);
