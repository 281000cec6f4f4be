import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("the project trains for one batch, with its custom model, callback and transform", () => {
  const output = execFileSync(
    "npx",
    [
      "classifier",
      "train",
      "--config-dir",
      "conf",
      "--config-name",
      "train",
      "+trainer.fast_dev_run=true",
      "data.num_workers=0",
    ],
    { encoding: "utf8" },
  );
  assert.match(output, /epoch done: 0/);
});
