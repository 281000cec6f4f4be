import { copyFileSync, cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { loadCheckpoint } from "@classifier-training/lightning";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createClassificationModel } from "../src/model/build.ts";
import { quick, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 60_000 });

let dir = "";
let remove = () => {};
let server: Server;
const start = "anfang ü.ckpt";

/** A training whose steps change nothing that float32 could show. */
const train = (run: string, ...more: string[]) =>
  inProcess(
    [
      "train",
      ...quick,
      ...["model.stem=small", "model.width=8", "model.learning_rate=1e-12", "trainer.max_epochs=1"],
      ...["ema", "onnx_export", "best_weights", "grad_cam", "confusion_matrix", "sample_visualization"].map(
        (callback) => `callbacks.${callback}=null`,
      ),
      ...["training_history", "dataset_statistics"].map((callback) => `callbacks.${callback}=null`),
      `hydra.run.dir=${run}`,
      ...more,
    ],
    dir,
  );

function layer(path: string): number[] {
  const weights = loadCheckpoint(join(dir, path)).stateDict;
  const values = weights.get("model.layer4.1.conv2.weight")?.toTypedArray() as Float32Array;
  return [...values].slice(0, 64);
}

beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7", "23"], { train: 4, valid: 2 }));
  cpSync(join(dir, "data"), join(dir, "two"), { recursive: true });
  for (const split of ["train", "valid"]) {
    const listing = join(dir, "two", split, "annotations.jsonl");
    const kept = readFileSync(listing, "utf8")
      .split("\n")
      .filter((line) => !line.includes('"23"'));
    writeFileSync(listing, kept.join("\n"));
  }
  server = createServer((request, response) => {
    if (request.url === "/moved") response.writeHead(302, { location: `/${encodeURIComponent(start)}` }).end();
    else if (request.url?.endsWith(".ckpt") === true) response.end(readFileSync(join(dir, start)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const first = await train("first", "model.learning_rate=0.01", "callbacks.model_checkpoint.dirpath=first");
  expect(first.code, first.text).toBe(0);
  copyFileSync(join(dir, "first/last.ckpt"), join(dir, start));
}, 60_000);

afterAll(() => {
  server.close();
  remove();
});

test("a checkpoint for other classes is a start: by its path, and behind a redirect", async () => {
  const { port } = server.address() as AddressInfo;
  vi.stubEnv("XDG_CACHE_HOME", join(dir, "cache"));
  const sources = [`model.weights='${start}'`, `model.weights=http://127.0.0.1:${port}/moved`];
  for (const [i, weights] of sources.entries()) {
    const { code, text } = await train(
      `two-${i}`,
      "data.data_root=two",
      "callbacks.model_checkpoint.dirpath=two",
      weights,
    );
    expect(code, text).toBe(0);
    expect(text).toMatch(
      /^weights of .*: 119 tensors loaded, a new head, 1 tensor of the file not used \(class_weights\)$/m,
    );
    const own = i === 0 ? "two" : "two-1/checkpoints";
    expect(layer(`${own}/last.ckpt`)).toEqual(layer(start).map((value) => expect.closeTo(value, 6)));
  }
  vi.unstubAllEnvs();
});

test("the file's content is part of what is resumed, and a model that is trained needs it no more", async () => {
  const own = ["callbacks.model_checkpoint.dirpath=own", "model.weights=./w.ckpt"];
  copyFileSync(join(dir, start), join(dir, "w.ckpt"));
  expect((await train("own-1", ...own)).code).toBe(0);
  const more = await train("own-2", ...own, "trainer.max_epochs=2");
  expect(more.text).toContain("resumes run");
  copyFileSync(join(dir, "own/last.ckpt"), join(dir, "w.ckpt"));
  const changed = await train("own-3", ...own);
  expect(changed.text).toContain("(the file of model.weights has other content): this run starts anew");
  renameSync(join(dir, "w.ckpt"), join(dir, "gone"));
  for (const args of [
    ["predict", "own-2", "data/valid"],
    ["validate", "own-2"],
  ]) {
    const { code, text } = await inProcess(args, dir);
    expect(code, text).toBe(0);
  }
  expect((await train("own-4", ...own)).text).toMatch(/weights file not found: .*w\.ckpt[\s\S]*model\.weights=null/);
});

test.each([
  ["a truncated file", (bytes: Buffer) => bytes.subarray(0, bytes.length / 2), /the file is truncated or corrupt/],
  [
    "a text",
    () => Buffer.from("not weights at all"),
    /expected a PyTorch file .* received something else: .*bad\.ckpt/,
  ],
  ["no byte", () => Buffer.alloc(0), /expected a PyTorch file/],
  ["a header of 8 EiB", () => Buffer.from("\xff\xff\xff\xff\xff\xff\xff\x7f{", "latin1"), /its header claims/],
  ["a truncated zip archive", () => Buffer.from("PK\u0003\u0004 and so on"), /bad\.ckpt/],
])("%s is refused by one sentence", async (_, change, sentence) => {
  const path = join(dir, "bad.ckpt");
  writeFileSync(path, change(readFileSync(join(dir, start))));
  const made = createClassificationModel("resnet18", { numClasses: 2, stem: "small", width: 8, weights: path });
  await expect(made).rejects.toMatchObject({ message: expect.stringMatching(sentence), code: expect.any(String) });
  rmSync(path);
});

test("an address without a file, a folder, and what names nothing", async () => {
  const { port } = server.address() as AddressInfo;
  vi.stubEnv("XDG_CACHE_HOME", join(dir, "cache"));
  const make = (weights: string) => createClassificationModel("resnet18", { numClasses: 2, width: 8, weights });
  await expect(make(`http://127.0.0.1:${port}/x.pth`)).rejects.toThrow(
    /the server answers 404 Not Found[\s\S]*weights=null/,
  );
  await expect(make(dir)).rejects.toThrow("is a folder, not weights");
  await expect(make("imagenet")).rejects.toThrow("'imagenet' does not name weights");
  vi.stubEnv("CLASSIFIER_OFFLINE", "1");
  await expect(make("resnet18.a1_in1k")).rejects.toThrow("timm/resnet18.a1_in1k/model.safetensors: CLASSIFIER_OFFLINE");
  vi.unstubAllEnvs();
});
