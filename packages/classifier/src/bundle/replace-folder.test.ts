import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runKilled } from "../../test/killed.ts";
import { replaceFolder } from "./replace-folder.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "replace-folder-"));
  mkdirSync(join(dir, "bundle"));
  writeFileSync(join(dir, "bundle", "manifest"), "old");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const manifest = () => readFileSync(join(dir, "bundle", "manifest"), "utf8");
const write = async (unfinished: string) => writeFileSync(join(unfinished, "manifest"), "new");

test("the old folder stays until the new one is whole", async () => {
  await expect(
    replaceFolder(join(dir, "bundle"), "manifest", async (unfinished) => {
      await write(unfinished);
      expect(manifest()).toBe("old");
      throw new Error("disk full");
    }),
  ).rejects.toThrow("disk full");
  expect(manifest()).toBe("old");
  await replaceFolder(join(dir, "bundle"), "manifest", write);
  expect(manifest()).toBe("new");
  expect(readdirSync(dir)).toEqual(["bundle"]);
});

test("after a kill the old folder is whole, and the next replacement cleans up", async () => {
  await runKilled(`
    import { replaceFolder } from ${JSON.stringify(new URL("./replace-folder.ts", import.meta.url).href)};
    await replaceFolder(${JSON.stringify(join(dir, "bundle"))}, "manifest", async () => process.kill(process.pid, "SIGKILL"));`);
  expect(manifest()).toBe("old");
  expect(readdirSync(dir)).toHaveLength(2);
  await replaceFolder(join(dir, "bundle"), "manifest", write);
  expect([manifest(), readdirSync(dir)]).toEqual(["new", ["bundle"]]);
});

test("a link to a folder, and the working directory, keep their places", async () => {
  symlinkSync(join(dir, "bundle"), join(dir, "link"));
  await replaceFolder(join(dir, "link"), "manifest", write);
  expect(manifest()).toBe("new");
  writeFileSync(join(dir, "bundle", "manifest"), "old");
  const before = process.cwd();
  process.chdir(join(dir, "bundle"));
  try {
    await replaceFolder(".", "manifest", write);
    expect(readFileSync("manifest", "utf8")).toBe("new");
  } finally {
    process.chdir(before);
  }
  expect(readdirSync(dir).sort()).toEqual(["bundle", "link"]);
});
