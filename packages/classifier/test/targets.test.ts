import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { targets as lightning } from "@classifier-training/lightning";
import { targets as torch } from "@classifier-training/torch";
import { targets as vision } from "@classifier-training/vision";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { targets as own } from "../src/targets.ts";
import { quick, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

let dir = "";
let remove = () => {};
beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 4, valid: 2 }));
});
afterAll(() => remove());

/** Two steps of a small network, without the callbacks that take most of the time. */
const twoSteps = [
  ...quick,
  "data.batch_size=4",
  "model.stem=small",
  "model.width=16",
  "trainer.max_epochs=1",
  "trainer.num_sanity_val_steps=0",
  "trainer.enable_model_summary=false",
  "callbacks.onnx_export=null",
  "callbacks.best_weights=null",
  "callbacks.model_info=null",
  "callbacks.grad_cam=null",
  "callbacks.confusion_matrix=null",
  "callbacks.training_history=null",
  "callbacks.sample_visualization=null",
  "callbacks.model_checkpoint.save_top_k=0",
  "callbacks.model_checkpoint.save_last=false",
];

async function runs(name: string, overrides: readonly string[]): Promise<void> {
  const { code, text } = await inProcess(["train", ...twoSteps, `hydra.run.dir=runs/${name}`, ...overrides], dir);
  const tail = text.slice(text.lastIndexOf("Model summary"));
  expect(code, tail.slice(-3000)).toBe(0);
  expect(text).toMatch(/2\/2/);
}

const all = Object.keys({ ...lightning, ...torch, ...vision, ...own });

const optimizers = all.filter((name) => /(optim|lion_pytorch)\.[A-Z]/.test(name));

test.each(optimizers)("model.optimizer: %s", async (name) => {
  await runs(name, [`+model.optimizer={_target_: ${name}, _partial_: true}`]);
});
