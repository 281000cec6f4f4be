import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { scratchFolder, temporaryPath, writeFileAtomic } from "./files.ts";

const dir = mkdtempSync(join(tmpdir(), "files-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const { pid: dead } = spawnSync(process.execPath, ["--version"]);

test("what a killed process left beside a file or folder is removed, and nothing else", () => {
  mkdirSync(join(dir, `bundle.${dead}.tmp`, "golden"), { recursive: true });
  for (const name of [`run.json.${dead}.tmp`, `run.json.${process.ppid}.tmp`, `run.json.${dead}.bak`, "run.json.x.tmp"])
    writeFileSync(join(dir, name), "half");
  writeFileAtomic(join(dir, "run.json"), "{}");
  expect(temporaryPath(`${dir}/bundle/`)).toBe(join(dir, `bundle.${process.pid}.tmp`));
  expect(readdirSync(dir).sort()).toEqual(
    ["run.json", `run.json.${dead}.bak`, `run.json.${process.ppid}.tmp`, "run.json.x.tmp"].sort(),
  );
});

test("scratch folders of killed processes are removed", () => {
  const left = join(tmpdir(), `classifier-files-test.${dead}.abcdef`);
  mkdirSync(left);
  const own = scratchFolder("files-test");
  const there = readdirSync(tmpdir()).filter((name) => name.startsWith("classifier-files-test."));
  expect(there.map((name) => join(tmpdir(), name))).toEqual([own]);
  rmSync(own, { recursive: true });
});
