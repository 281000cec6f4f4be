import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tryLockFile } from "./lock-file.ts";

test("one process has a lock; one that a killed process left, or that is old, is taken over", () => {
  const dir = mkdtempSync(join(tmpdir(), "lock a b ü"));
  const path = join(dir, "lock");
  expect(tryLockFile(path, 60_000)).toBe(true);
  expect(tryLockFile(path, 60_000)).toBe(false);
  expect(existsSync(path)).toBe(true);
  // Of another machine nobody knows; what is being written is not taken away.
  for (const text of [JSON.stringify({ pid: 2 ** 22 + 1, host: "elsewhere" }), "", "123 earlier-version"]) {
    writeFileSync(path, text);
    expect(tryLockFile(path, 60_000)).toBe(false);
    expect(existsSync(path), text).toBe(true);
  }
  utimesSync(path, 1, 1);
  expect(tryLockFile(path, 60_000)).toBe(false);
  expect(tryLockFile(path, 60_000)).toBe(true);
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }));
  expect([tryLockFile(path, 60_000), tryLockFile(path, 60_000)]).toEqual([false, true]);
  rmSync(dir, { recursive: true });
});
