// A machine that has never seen the clone: an empty home with empty caches, and folders whose names have what names may
// have. Commands run in it, and what they took becomes a table.
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root } from "../exec.mjs";

export const say = (text) => process.stdout.write(`${text}\n`);

/** @param condition what must hold @param sentence what is wrong otherwise */
export function expect(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Bytes of all files below a folder. */
export function sizeOf(folder, without = () => false) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (without(path) || entry.isSymbolicLink()) continue;
    bytes += entry.isDirectory() ? sizeOf(path, without) : statSync(path).size;
  }
  return bytes;
}

/** @typedef {Awaited<ReturnType<typeof newMachine>>} Machine */

/** @param npmrc what npm has to know, in the home's `.npmrc` */
export function newMachine(npmrc) {
  const scratch = mkdtempSync(join(tmpdir(), "classifier install "));
  // Another user reads in it.
  chmodSync(scratch, 0o755);
  const home = newHome("home");
  // Its script fetches files of CUDA from another host.
  const quiet = { OMP_NUM_THREADS: "1", CI: "true", ONNXRUNTIME_NODE_INSTALL: "skip" };
  const clean = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_OPTIONS|CT_|XDG_|CLASSIFIER_)/i.test(name),
  );
  const env = { ...Object.fromEntries(clean), ...quiet, ...homeVariables(home), ...libtorchVariable() };

  /** An empty home. */
  function newHome(name) {
    const folder = join(scratch, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, ".npmrc"), npmrc);
    return folder;
  }

  /**
   * Runs a command, and notes what it took.
   * @param {string[]} command
   * @param {{ status?: number, env?: Record<string, string> }} [options] the exit code that is expected
   * @returns {Promise<{ stdout: string, stderr: string, text: string }>}
   */
  async function run(cwd, [program, ...args], { status = 0, env: more = {} } = {}) {
    const started = performance.now();
    const child = spawn(program, args, { cwd, env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (chunk) => (stdout += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk) => (stderr += chunk));
    const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
    const shown = [program, ...args].join(" ").replaceAll(scratch, "");
    const seconds = (performance.now() - started) / 1000;
    expect(code === status, `${shown}: expected exit code ${status}, received ${code}\n${stdout}${stderr}`);
    say(`  ${seconds.toFixed(1).padStart(6)} s  ${shown.length > 100 ? `${shown.slice(0, 97)}...` : shown}`);
    return { stdout, stderr, text: stdout + stderr };
  }

  /** An empty npm project. */
  async function project(name, npmrc = "") {
    const folder = join(scratch, "a b ü", name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, ".npmrc"), npmrc);
    await run(folder, ["npm", "init", "-y"]);
    return folder;
  }

  const remove = () => rmSync(scratch, { recursive: true, force: true });
  return { scratch, run, project, newHome, remove };
}

/** A LibTorch that Python or the user's cache has is found in another home by its name only. */
function libtorchVariable() {
  const info = join(root, "packages", "torch", "build", "build-info.json");
  const { kind, cmakePrefix } = JSON.parse(readFileSync(info, "utf8")).libtorch;
  return kind === "debian" || kind === "homebrew" ? {} : { LIBTORCH: cmakePrefix };
}

/** What points a program to another home. */
export const homeVariables = (home) => ({ HOME: home, XDG_CACHE_HOME: join(home, ".cache") });
