import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { repository } from "./docs.ts";
import { installInto } from "./installation.ts";

vi.setConfig({ testTimeout: 30_000 });

const base = mkdtempSync(join(tmpdir(), "platform-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const name = `@classifier-training/torch-${process.platform}-${process.arch}`;
const installation = join(base, "a b ü");
const folder = join(installation, "node_modules", name);
const built = join(repository, "packages/torch/build");
const { libtorch } = JSON.parse(readFileSync(join(built, "build-info.json"), "utf8"));
let program = "";
let cache = "";

beforeAll(() => {
  program = installInto(installation);
  mkdirSync(folder, { recursive: true });
});
beforeEach(() => {
  cache = mkdtempSync(join(base, "cache-"));
});

/** Sets up with a prebuilt addon, where there is neither a compiler nor CMake. */
function setup(version: string, size?: number) {
  const { version: own } = JSON.parse(readFileSync(join(repository, "packages/torch/package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: own, libtorch: { version } }));
  copyFileSync(join(built, "ct_torch.node"), join(folder, "ct_torch.node"));
  if (size !== undefined) truncateSync(join(folder, "ct_torch.node"), size);
  // One that Python or the user's cache has is found in another home by its name only.
  const named = ["debian", "homebrew"].includes(libtorch.kind) ? "" : libtorch.cmakePrefix;
  const env = { PATH: base, HOME: base, XDG_CACHE_HOME: cache, LIBTORCH: named };
  return spawnSync(process.execPath, [program, "setup"], { cwd: installation, env, encoding: "utf8" });
}

test("an addon for the LibTorch that was found is taken, without a compiler", () => {
  const { status, stdout, stderr } = setup(libtorch.version);
  expect(stderr).toBe("");
  expect(stdout).toContain(`took the prebuilt torch addon for LibTorch ${libtorch.version}`);
  expect(existsSync(/: (.*ct_torch\.node)$/m.exec(stdout)?.[1] ?? "")).toBe(true);
  expect(status).toBe(0);
});

test.each([
  ["is for another LibTorch", "9.9.9", undefined, `the addon of ${name} is for LibTorch 9.9.9`],
  ["is damaged", libtorch.version, 100_000, `the addon of ${name} does not load here (`],
])("an addon that %s is not loaded, and what is needed to compile one is named", (_, version, size, reason) => {
  const { status, stderr } = setup(version, size);
  expect(stderr).toContain(reason);
  expect(stderr).toContain(`: an addon for LibTorch ${libtorch.version} (`);
  expect(stderr).toContain("has to be compiled, and CMake and a C++ compiler are missing");
  expect(stderr).toContain("fix: ");
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(status).toBe(1);
});
