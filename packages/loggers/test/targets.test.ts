import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { targets } from "../src/index.ts";

test("configurations name the loggers as Lightning does, with its option names", () => {
  const saveDir = mkdtempSync(join(tmpdir(), "loggers-"));
  for (const module of ["lightning.pytorch.loggers", "pytorch_lightning.loggers"]) {
    for (const name of ["CSVLogger", "TensorBoardLogger"]) {
      expect(targets[`${module}.${name}`]?.invoke([saveDir], { name: "x", version: 3 })).toMatchObject({
        version: 3,
      });
    }
    const wandb = targets[`${module}.WandbLogger`]?.invoke([], {
      project: "p",
      log_model: false,
      job_type: "train",
      tags: [],
      notes: null,
      anonymous: null,
    });
    expect(wandb).toMatchObject({ name: "p" });
    const mlflow = targets[`${module}.MLFlowLogger`]?.invoke([], {
      experiment_name: "e",
      tracking_uri: null,
      save_dir: saveDir,
    });
    expect(mlflow).toMatchObject({ saveDir });
  }
  expect(() => targets["lightning.pytorch.loggers.WandbLogger"]?.invoke([], { projct: "p" })).toThrow(
    "did you mean 'project'",
  );
  expect(existsSync(join(saveDir, "wandb"))).toBe(false);
});
