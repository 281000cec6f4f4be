import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { parseOverride } from "@classifier-training/hydra";
import { afterAll, beforeAll, expect, test } from "vitest";
import { takeDataPath } from "./data-path.ts";

const dir = mkdtempSync(join(tmpdir(), "data-path-"));
const before = process.cwd();
const odd = `it's \${x}`;

beforeAll(() => {
  for (const folder of ["photos", "a b ü", "a=b", "runs/lr=1", "conf", odd])
    mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(join(dir, "x.zip"), "");
  process.chdir(dir);
});

afterAll(() => {
  process.chdir(before);
  rmSync(dir, { recursive: true });
});

test.each([
  { argv: ["photos"], path: "photos" },
  { argv: ["./photos/", "model=resnet34"], path: "./photos/" },
  { argv: ["model=resnet34", "-m", "a b ü", "seed=1,2"], path: "a b ü" },
  { argv: ["./a=b"], path: "./a=b" },
  { argv: ["runs/lr=1"], path: "runs/lr=1" },
  { argv: [odd], path: odd },
  { argv: ["x.zip", "--cfg", "job"], path: "x.zip" },
  { argv: ["x-{000..003}.tar"], path: "x-{000..003}.tar" },
  { argv: ["~"], path: homedir() },
  { argv: ["--config-dir", "conf", "conf"], path: "conf" },
  { argv: ["conf", "--config-dir", "conf"], path: "conf" },
  { argv: ["photos", "--info", "explain", "data.batch_size"], path: "photos" },
])("$argv trains on $path", ({ argv, path }) => {
  const found = takeDataPath(argv);
  expect(found?.path).toBe(path);
  const [override = "", ...others] = (found?.argv ?? []).filter((argument) => argument.startsWith("data.data_root="));
  expect(others).toEqual([]);
  // What Hydra makes of it, an escaped interpolation included.
  expect(String(parseOverride(override).value()).replaceAll("\\${", "${")).toBe(path);
  expect(found?.argv.map((argument) => (argument === override ? path : argument))).toEqual(
    argv.map((argument) => (argument === "~" ? path : argument)),
  );
});

test.each([
  [["a=b"]],
  [["+trainer.max_time=1", "~callbacks.ema", "hydra/launcher=basic", "model@net=resnet18", "--config-name", "photos"]],
  [["--info", "explain", "data.batch_size"]],
  [["--shell-completion", "query=bash"]],
  [["--nonsense", "photos"]],
  [[]],
])("%j has no data path", (argv) => {
  expect(takeDataPath(argv)).toBeUndefined();
});

test.each([
  [["photso"], "received 'photso', which does not exist", "did you mean 'photos'?"],
  [["nowhere/at/all"], "received 'nowhere/at/all', which does not exist", "nowhere/at, which does not exist either"],
  [["a", "b", "ü"], "received 'a', which does not exist", 'a name with spaces needs quotes: "a b ü"'],
  [["photos", "conf"], "received two: photos and conf", "key=value"],
  [["photos", "model"], "received 'model', which does not exist", "an override such as model=resnet34"],
  [[""], "received '', which does not exist", "give a folder"],
])("%j is refused", (argv, what, fix) => {
  expect(() => takeDataPath(argv)).toThrow(what);
  expect(() => takeDataPath(argv)).toThrow(fix);
});
