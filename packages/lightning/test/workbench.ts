import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import { manualSeed } from "@classifier-training/torch";
import { afterEach, beforeEach } from "vitest";

/** An empty folder, for each test of the file that imports this. */
export let dir = "";
/** What was logged in the test. */
export let said: string[] = [];

let restore = () => {};
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "lightning-"));
  said = [];
  restore = setLogSinks([({ message }) => void said.push(message)]);
  manualSeed(5);
});
afterEach(() => {
  restore();
  rmSync(dir, { recursive: true, force: true });
});
