import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { findTarget, instantiate, select, toContainer } from "@classifier-training/hydra";
import { beforeAll, describe, expect, test } from "vitest";
import { configFolders, registerExtension } from "../src/extensions.ts";
import { registerAll } from "../src/registry.ts";
import { composed } from "./compose.ts";

const files = configFolders().flatMap((folder) =>
  (readdirSync(folder, { recursive: true }) as string[]).filter(isYaml),
);
/** `train_base` is what they start from. */
const roots = files.filter((path) => !path.includes(sep) && path !== "train_base.yaml");
const groups = files
  .filter((path) => path.includes(sep))
  .map((path) => path.replace(".yaml", "").split(sep) as [group: string, option: string]);

function isYaml(path: string): boolean {
  return path.endsWith(".yaml");
}

beforeAll(() => registerAll());

/** Every `_target_` in a tree. */
function targetsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = (value as { _target_?: unknown })._target_;
  return [...(typeof own === "string" ? [own] : []), ...Object.values(value).flatMap(targetsIn)];
}

describe("root configurations", () => {
  test.each(roots)("%s composes, and every target in it is registered", async (file) => {
    const config = composed(file.replace(".yaml", ""));
    const targets = targetsIn(toContainer(config));
    expect(targets.length).toBeGreaterThan(5);
    for (const target of targets) expect(await findTarget(target), target).toBeDefined();
  });
});

describe("group options", () => {
  test.each(groups)("%s=%s composes, and every target in it is registered", async (group, option) => {
    const override = group === "experiment" ? `+${group}=${option}` : `${group}=${option}`;
    const config = composed("train_basketball_resnet18", [override]);
    for (const target of targetsIn(toContainer(config))) expect(await findTarget(target), target).toBeDefined();
  });
});

test("the main configuration has the groups and values that its users know", () => {
  const config = composed("train_basketball_resnet18");
  expect(toContainer(config)).toMatchObject({
    seed: 42,
    log_level: "INFO",
    model: {
      learning_rate: 5e-4,
      weight_decay: 1e-4,
      warmup_epochs: 5,
      label_smoothing: 0.1,
      loss_name: "cross_entropy",
    },
    trainer: {
      max_epochs: 100,
      precision: "16-mixed",
      gradient_clip_val: 1,
      num_sanity_val_steps: 2,
      log_every_n_steps: 10,
    },
    data: { batch_size: 64, num_workers: 4, image_size: 224 },
    callbacks: {
      model_checkpoint: { dirpath: "checkpoints", monitor: "val/acc_top1", save_top_k: 3, save_last: true },
    },
    logging: { wandb: { project: "classifier-training", log_model: false } },
  });
});

test("the image size has one home", () => {
  const config = composed("train_basketball_resnet18", ["data.image_size=64"]);
  expect(select(config, "transforms.image_size")).toBe(64);
  expect(select(config, "callbacks.onnx_export.input_height")).toBe(64);
  expect(
    select(config, "transforms.val_transforms.transforms.0.size") ??
      select(config, "transforms.val_transforms.transforms[0].size"),
  ).toBe(73);
});

test("an extension adds configurations, and the names in them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "extension-"));
  mkdirSync(join(folder, "callbacks"));
  writeFileSync(join(folder, "callbacks/acme.yaml"), "defaults: [default, _self_]\nbell: {_target_: acme.Bell}\n");
  registerExtension({
    configFolder: folder,
    targetNames: "acme",
    targets: async () => ({ "acme.Bell": { invoke: () => "ding" } }),
  });
  const config = composed("train_demo", ["callbacks=acme"]);
  expect(await instantiate(select(config, "callbacks.bell"))).toBe("ding");
  expect(select(config, "callbacks.ema.decay")).toBe(0.9999);
  rmSync(folder, { recursive: true });
});

test("jersey numbers are never flipped", () => {
  const transforms = (option: string) => targetsIn(toContainer(composed("train_demo", [`transforms=${option}`])));
  for (const name of ["basketball_jersey", "jersey_scratch", "demo"])
    expect(transforms(name).filter((target) => target.includes("Flip"))).toEqual([]);
  expect(transforms("default")).toContain("torchvision.transforms.v2.RandomHorizontalFlip");
});

test("transforms are built from the configuration", async () => {
  const config = composed("train_jersey_ocr_resnet18");
  const pipeline = (await instantiate(select(config, "transforms.train_transforms"))) as {
    name: string;
    options: { transforms: unknown[] };
  };
  expect(pipeline.name).toBe("Compose");
  expect(pipeline.options.transforms).toHaveLength(9);
});

test("torchvision's enums are named with a value, a member, or a path that hydra.utils.get_object reads", async () => {
  const inAll = ["bicubic", "BICUBIC", "torchvision.transforms.InterpolationMode.BICUBIC"].map((interpolation) => ({
    interpolation,
  }));
  const targets = [
    { _target_: "torchvision.transforms.InterpolationMode", _args_: ["bicubic"] },
    { _target_: "torchvision.transforms.InterpolationMode.BICUBIC" },
    { _target_: "hydra.utils.get_object", path: "torchvision.transforms.InterpolationMode.BICUBIC" },
  ].map((interpolation) => ({ interpolation }));
  for (const options of [...inAll, ...targets]) {
    const made = (await instantiate({ _target_: "torchvision.transforms.Resize", size: 8, ...options })) as {
      options: Record<string, unknown>;
    };
    expect(made.options["interpolation"], JSON.stringify(options)).toBe("bicubic");
  }
});
