import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 120_000 });

/** A tree as users of Hydra and Lightning have it: 43 classes claimed for other data, literal sizes, all callbacks. */
const conf = fileURLToPath(new URL("lightning-conf", import.meta.url));
const golden = fileURLToPath(new URL("../../../../shared/golden/run/dot_hydra/", import.meta.url));

let dir = "";
let remove = () => {};

beforeAll(async () => {
  ({ dir, remove } = await workspace(undefined, { train: 4, valid: 2 }));
});

afterAll(() => remove());

const fromConf = (name: string) => ["--config-dir", conf, "--config-name", name];
const toData = ["data.data_root=data", "model.num_classes=3", "model.pretrained=false"];
const limits = ["trainer.max_epochs=1", "+trainer.limit_train_batches=1", "+trainer.limit_val_batches=1"];
const small = [
  "transforms.image_size=32",
  "callbacks.onnx_export.input_height=32",
  "callbacks.onnx_export.input_width=32",
  "trainer.num_sanity_val_steps=0",
];

test("a user's file goes before the product's of the same name", async () => {
  const { stdout } = await inProcess(
    [
      "train",
      ...fromConf("train_jersey_ocr_resnet18_local"),
      "--cfg",
      "job",
      "--package",
      "callbacks.confusion_matrix",
    ],
    dir,
  );
  expect(stdout).toContain("num_classes: 43");
});

test("groups that a user's tree lacks are the product's", async () => {
  const { stdout, code } = await inProcess(
    ["train", ...fromConf("train_jersey_ocr_resnet18_local"), "logging=csv", "--cfg", "job", "--package", "logging"],
    dir,
  );
  expect(stdout).toContain("CSVLogger");
  expect(code).toBe(0);
});

test("the tree composes to what the Python original recorded", async ({ skip }) => {
  skip(!existsSync(golden), "the recordings of the Python original are not in the repository");
  const overrides = readFileSync(join(golden, "overrides.yaml"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("- "))
    .map((line) => line.slice(2));
  const { stdout } = await inProcess(
    ["train", ...fromConf("train_jersey_ocr_resnet18_local"), "--cfg", "job", ...overrides],
    dir,
  );
  expect(stdout).toBe(readFileSync(join(golden, "config.yaml"), "utf8"));
});

test("the local configuration runs, and only warns of the classes that the confusion matrix claims", async () => {
  const { code, stderr } = await inProcess(
    ["train", ...fromConf("train_jersey_ocr_resnet18_local"), ...toData, ...limits],
    dir,
  );
  expect(stderr).toContain("callbacks.confusion_matrix.num_classes is 43, but the data has 3 classes: 3 are plotted");
  expect(code, stderr).toBe(0);
});

test("the cloud configuration runs with W&B offline, a manual sampler and the rate monitor", async () => {
  const { code, stderr } = await inProcess(
    [
      "train",
      ...fromConf("train_jersey_ocr_resnet18"),
      ...toData,
      ...limits,
      ...small,
      "callbacks.model_checkpoint.dirpath=cloud",
      "hydra.run.dir=outputs/cloud",
      "data.num_workers=1",
      "logging.wandb.offline=true",
    ],
    dir,
  );
  expect(code, stderr).toBe(0);
  expect(readFileSync(join(dir, "outputs/cloud/train.log"), "utf8")).toContain("Sampler, epoch 1");
  expect(stderr).not.toContain("LearningRateMonitor) is skipped");
});

test("the rate monitor is skipped with a word in the log when no logger is configured", async () => {
  const { code, stderr } = await inProcess(
    [
      "train",
      ...fromConf("train_jersey_ocr_resnet18_cpu"),
      ...toData,
      ...limits,
      ...small,
      "callbacks.model_checkpoint.dirpath=cpu",
      "hydra.run.dir=outputs/cpu",
      "+callbacks.early_stoping.patience=3",
    ],
    dir,
  );
  expect(stderr).toContain("callbacks.early_stoping is skipped: it has no _target_ (did you mean 'early_stopping'?)");
  expect(readFileSync(join(dir, "outputs/cpu/train.log"), "utf8")).toContain(
    "callbacks.lr_monitor (LearningRateMonitor) is skipped: no logger is configured",
  );
  expect(code, stderr).toBe(0);
});

test("an option that nobody has names the nearest one", async () => {
  const { code, stderr } = await inProcess(
    ["train", ...fromConf("train_jersey_ocr_resnet18_local"), ...toData, "+callbacks.ema.decays=0.9"],
    dir,
  );
  expect(code).toBe(1);
  expect(stderr).toContain("did you mean 'decay'?");
});
