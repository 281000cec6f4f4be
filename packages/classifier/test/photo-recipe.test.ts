import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession } from "@classifier-training/inference/runtime";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { classifier, quick, startProgram, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 180_000 });

const program = new URL("../bin/classifier.js", import.meta.url).pathname;

let dir = "";
let remove = () => {};
beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 12, valid: 6 }));
  writeFileSync(join(dir, "stop.mjs"), stopAtEnd);
});
afterAll(() => remove());

/** A callback of the project's own that kills its process when all steps are taken and nothing is exported yet. */
const stopAtEnd = `
import { Callback } from ${JSON.stringify(new URL("../../lightning/dist/index.js", import.meta.url).href)};
export class Stop extends Callback {
  async onFitEnd(trainer) {
    await trainer.flushCheckpoints();
    if (process.env.STOP_AT_END === "1") process.kill(process.pid, "SIGKILL");
  }
}`;

const args = (folder: string) => [
  ...["train", "--config-name", "train_photos", ...quick, "model.width=8", "trainer.max_epochs=3"],
  ...[
    "data.repeated_augmentation=2",
    "transforms.mix=0.5",
    "transforms.trivial_augment=1",
    "transforms.random_erasing=0.5",
    `hydra.run.dir='${folder}/run ü'`,
  ],
  ...[`callbacks.model_checkpoint.dirpath=${folder}/checkpoints`],
];
const killed = [...args("killed"), "+callbacks.stop={_target_: './stop.mjs#Stop'}"];
const files = ["model.onnx", "labels_mapping.json", "best_weights.json"];
const contents = (folder: string) =>
  files.map((file) => readFileSync(join(dir, folder, "run ü", file), "latin1").replaceAll(folder, "FOLDER"));

test("a run killed between its last step and its export ends as an undisturbed one, once; what was chosen is in all its files", async () => {
  const undisturbed = await inProcess(args("serene"), dir);
  expect(undisturbed.code, undisturbed.text.slice(-2000)).toBe(0);
  expect(readFileSync(join(dir, "serene/run ü/train.log"), "utf8")).toMatch(/test-time size: (32|40) px/);
  expect(undisturbed.text).toMatch(/ best of \d+ measured on these images: optimistic/);
  for (const line of undisturbed.text.split("\n").filter((one) => /on these images/.test(one)))
    expect(line.length).toBeLessThanOrEqual(80);

  const { signal } = await startProgram(program, killed, dir, { env: { STOP_AT_END: "1" } }).done;
  expect(signal).toBe("SIGKILL");
  expect(existsSync(join(dir, "killed/run ü/model.onnx"))).toBe(false);
  const rerun = await classifier(killed, dir);
  expect(rerun.code, rerun.stderr.slice(-2000)).toBe(0);
  const [expected, actual] = [contents("serene"), contents("killed")];
  const seconds = /"seconds": [\d.]+/g;
  expect(actual[1]).toBe(expected[1]);
  expect(actual[2]?.replace(seconds, "")).toBe(expected[2]?.replace(seconds, ""));
  expect(Buffer.from(actual[0] ?? "").equals(Buffer.from(expected[0] ?? ""))).toBe(true);
  const again = await classifier(killed, dir);
  expect(again.stderr).toMatch(/nothing was trained[\s\S]*This run is complete/);
  expect(contents("killed")).toEqual(actual);

  const read = (file: string) => JSON.parse(readFileSync(join(dir, "serene/run ü", file), "utf8"));
  const { best, measured, inputSize } = read("best_weights.json");
  expect(read("run.json").bestWeights).toBe(best);
  expect(measured).toBeGreaterThanOrEqual(4);
  expect(read("labels_mapping.json").preprocessing.input_height).toBe(inputSize.chosen);
  const session = await InferenceSession.create(join(dir, "serene/run ü/model.onnx"), { logSeverityLevel: 3 });
  expect(session.inputMetadata?.[0]).toMatchObject({ shape: ["batch", 3, inputSize.chosen, inputSize.chosen] });
  await session.release();
  expect(readdirSync(join(dir, "serene/checkpoints")).filter((name) => name.startsWith("epoch"))).toHaveLength(3);
});

test("each part is switched off by one override", async () => {
  const off = ["callbacks.best_weights.soup=false", "callbacks.best_weights.test_sizes=[]", "callbacks.ema=null"];
  const { code, text } = await inProcess([...args("plain"), ...off, "trainer.max_epochs=1"], dir);
  expect(code, text.slice(-2000)).toBe(0);
  expect(text).not.toMatch(/test-time size|on these images/);
  expect(existsSync(join(dir, "plain/run ü/best_weights.json"))).toBe(false);
  const wrong = await inProcess([...args("wrong"), "transforms.flip=often"], dir);
  expect([wrong.code, wrong.text]).toEqual([
    1,
    expect.stringContaining('expected one of "alternating", "random", "none"'),
  ]);
  const size = await inProcess([...args("wrong"), "callbacks.best_weights.test_sizes=[0.5]"], dir);
  expect([size.code, size.text]).toEqual([1, expect.stringContaining("test_sizes")]);
});
