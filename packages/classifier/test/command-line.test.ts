import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { classifier } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 30_000 });

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "classifier-words-"));
  mkdirSync(join(dir, "conf/trainer"), { recursive: true });
  writeFileSync(join(dir, "conf/own.yaml"), "defaults: [trainer: own, data: demo, model: resnet18, _self_]\n");
  writeFileSync(join(dir, "conf/trainer/own.yaml"), "max_epochs: 3\n");
});
afterAll(() => rmSync(dir, { recursive: true }));

const sharedObjects = `process.on("exit", () => {
  process.report.excludeNetwork = true;
  const torch = process.report.getReport().sharedObjects.filter((path) => /torch/i.test(path));
  process.stderr.write("torch: " + torch.length);
});`;

test.each([
  ["--help"],
  ["train --help"],
  ["train --cfg job"],
  ["train --info all"],
  ["train --shell-completion query=bash"],
  ["validate --cfg job"],
  ["demo --cfg job"],
])("%s answers without LibTorch", async (line) => {
  const hook = `data:text/javascript,${encodeURIComponent(sharedObjects)}`;
  const { code, stderr } = await classifier(line.split(" "), dir, ["--import", hook]);
  expect(stderr).toContain("torch: 0");
  expect(code).toBe(0);
});

const cfg = (...overrides: string[]) => inProcess(["train", ...overrides, "--cfg", "job"], dir);

test("every option of the product's own groups can be overridden, listed in them or not", async () => {
  const { code, stdout } = await cfg(
    ...["trainer.check_val_every_n_epoch=5", "trainer.num_nodes=2", "data.drop_last=false", "data.synthetic.share=0.3"],
    ...["data.sampler.num_samples=7", "model.no_decay_on_norms=true", "callbacks.early_stopping.min_delta=0.1"],
  );
  expect(code).toBe(0);
  for (const line of [
    ...["check_val_every_n_epoch: 5", "num_nodes: 2", "drop_last: false", "share: 0.3", "num_samples: 7"],
    ...["no_decay_on_norms: true", "min_delta: 0.1"],
  ]) {
    expect(stdout).toContain(`  ${line}\n`);
  }
});

test("names that no option has are refused, with the nearest; of several, one with the same last name", async () => {
  for (const [override, near] of [
    ["trainer.check_val_every_n_epochs=5", "trainer.check_val_every_n_epoch"],
    ["data.sampler.num_sample=5", "data.sampler.num_samples"],
    ["max_epochs=3", "trainer.max_epochs"],
    ["callbacks.patience=3", "callbacks.early_stopping.patience"],
  ]) {
    expect((await cfg(override as string)).stderr).toContain(`Did you mean '${near}'?`);
  }
});

test("a custom tree keeps Hydra's rule in its own groups", async () => {
  const own = ["--config-dir", "conf", "--config-name", "own", "trainer.num_nodes=2"];
  expect((await cfg(...own)).stderr).toContain("To append to your config use +trainer.num_nodes=2");
  expect((await cfg(...own, "trainer=default")).stdout).toContain("num_nodes: 2");
});
