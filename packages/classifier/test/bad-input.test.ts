import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quick, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 120_000 });

let dir = "";
let remove = () => {};

beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 3, valid: 2 }));
});

afterAll(() => remove());

/** Runs a training that must fail, and returns what it says. */
async function failure(...overrides: string[]): Promise<string> {
  const { code, stdout, stderr } = await inProcess(["train", ...quick, ...overrides], dir);
  expect(code).toBe(1);
  expect(stdout + stderr, "no stack trace").not.toMatch(/\n\s+at .*:\d+:\d+/);
  return stderr;
}

test("a missing data root is named with the option that sets it", async () => {
  const text = await failure("data.data_root=nowhere");
  expect(text).toContain("the data root nowhere does not exist");
  expect(text).toContain("data.data_root");
});

test("a missing split is named with what is there", async () => {
  mkdirSync(join(dir, "partial", "train", "1"), { recursive: true });
  const text = await failure("data.data_root=partial");
  expect(text).toMatch(/partial\/train holds no samples|no split 'valid'/);
});

test("annotations that are not JSON are named with file and line", async () => {
  const root = mkdtempSync(join(tmpdir(), "broken-"));
  mkdirSync(join(root, "train"));
  writeFileSync(join(root, "train", "annotations.jsonl"), '{"image": "1.jpg", "suffix": "1"}\n{"image": ');
  const text = await failure(`data.data_root=${root}`);
  expect(text).toContain("annotations.jsonl:2");
  rmSync(root, { recursive: true });
});

test("an image that cannot be decoded is named", async () => {
  const root = mkdtempSync(join(tmpdir(), "broken-"));
  for (const split of ["train", "valid"]) {
    for (const name of ["a", "b"]) {
      mkdirSync(join(root, split, name), { recursive: true });
      writeFileSync(join(root, split, name, "1.jpg"), "this is not an image");
    }
  }
  const text = await failure(`data.data_root=${root}`);
  expect(text).toMatch(/[ab]\/1\.jpg cannot be decoded/);
  rmSync(root, { recursive: true });
});

test("an unknown group option lists those there are", async () => {
  const { code, stderr } = await inProcess(["train", "model=resnet81"], dir);
  expect(code).toBe(1);
  expect(stderr).toContain("Did you mean 'resnet18'?");
  expect(stderr).toMatch(/resnet18\n\s*resnet34\n\s*resnet50/);
});

test("an unknown key names the nearest one", async () => {
  const { code, stderr } = await inProcess(["train", "trainer.max_epoch=3"], dir);
  expect(code).toBe(1);
  expect(stderr).toContain("Did you mean 'trainer.max_epochs'?");
});

test("a value of the wrong type names its key", async () => {
  expect(await failure("data.batch_size=many")).toContain('batch_size: expected number, received "many"');
  expect(await failure("trainer.max_epochs=many")).toContain('max_epochs: expected number, received "many"');
});

test("a number of classes that disagrees with the data is an error that says both", async () => {
  expect(await failure("model.num_classes=42")).toContain("model.num_classes is 42, but the data has 2 classes");
});

test("pretrained weights without a network end with the file, the places and the way out", async () => {
  const text = await failure("model.pretrained=true");
  expect(text).toContain("resnet18-f37072fd.pth");
  expect(text).toContain("looked for");
  expect(text).toContain("model.pretrained=false");
});

test("a checkpoint of another model that is to be resumed is refused with keys and shapes", async () => {
  const fine = await inProcess(["train", ...quick, "trainer.max_epochs=1"], dir);
  expect(fine.code).toBe(0);
  const text = await failure("trainer.max_epochs=2", "model=resnet34", "resume=true");
  expect(text).toMatch(/model was "resnet18" and is "resnet34"/);
  expect(text).toMatch(
    /the weights do not fit ClassificationModel:\n {2}- \d+ missing keys: model\.layer1\.2\.conv1\.weight/,
  );
});

test("an invalid number, command or flag ends with exit code 1 and one error", async () => {
  for (const [args, sentence] of [
    [["predict", "data", "data", "-k", "abc"], "expected an integer >= 0"],
    [["traim"], "Did you mean train?"],
    [["train", "--nonsense"], "unrecognized arguments: --nonsense"],
  ] as const) {
    const { code, stderr } = await inProcess(args, dir);
    expect(stderr).toContain(sentence);
    expect(code).toBe(1);
  }
});

test("every command's help has an example, without a configuration or a dataset", async () => {
  for (const command of [["train"], ["validate"], ["demo"], ["predict"], ["bundle"], ["compare"], []]) {
    const { code, stdout } = await inProcess([...command, "--help"], dir);
    expect(stdout, command.join(" ")).toMatch(/Examples?:\n {2}classifier /);
    expect(code).toBe(0);
  }
  expect((await inProcess(["--version"], dir)).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("runs that have left nothing are not offered in the place of one that does not exist", async () => {
  const project = join(dir, "fruitless");
  mkdirSync(project);
  expect((await inProcess(["train", ...quick, "data.data_root=nowhere"], project)).code).toBe(1);
  const { code, stderr } = await inProcess(["validate", "some-other-folder-entirely"], project);
  expect(code).toBe(1);
  expect(stderr).toContain("the run does not exist\n  where: some-other-folder-entirely\n  fix: give a folder that");
});

test("a model that does not exist is named, by evaluate too", async () => {
  const { code, stderr } = await inProcess(["evaluate", "nowhere/*", "--data", "data"], dir);
  expect(code).toBe(1);
  expect(stderr).toContain("the model does not exist\n  where: nowhere/*");
  expect(stderr).not.toMatch(/\n\s+at /);
});
