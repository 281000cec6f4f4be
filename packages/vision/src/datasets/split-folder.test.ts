import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { splitFolder } from "./split-folder.ts";

test.each(["valid", "val", "validation", "dev"])(
  "a validation split in %s/ is found by each of its names",
  (folder) => {
    const root = mkdtempSync(join(tmpdir(), "splits-"));
    mkdirSync(join(root, folder));
    for (const name of ["valid", "val", "validation"]) expect(splitFolder(root, name)).toBe(join(root, folder));
    expect(() => splitFolder(root, "test")).toThrow("has no split 'test'");
  },
);

test("of two folders the one of the given name is taken; other names stand for themselves", () => {
  const root = mkdtempSync(join(tmpdir(), "splits-"));
  for (const folder of ["val", "valid", "holdout"]) mkdirSync(join(root, folder));
  expect(splitFolder(root, "val")).toBe(join(root, "val"));
  expect(splitFolder(root, "validation")).toBe(join(root, "valid"));
  expect(splitFolder(root, "holdout")).toBe(join(root, "holdout"));
  expect(() => splitFolder(root, "holdoutt")).toThrow("did you mean 'holdout'?");
});
