// Builds the addon with CMake into ../build, unless it is there already. Built-in modules only.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { hasGlooHeaders, installAdvice, locateLibTorch } from "./locate.mjs";

const nativeDir = dirname(fileURLToPath(import.meta.url));
const buildDir = process.env.CT_TORCH_BUILD_DIR ?? join(nativeDir, "..", "build");
const require = createRequire(import.meta.url);

function sourceFiles(folder = nativeDir) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? sourceFiles(join(folder, entry.name)) : [join(folder, entry.name)]))
    .filter((path) => /\.(cc|h|inc)$|CMakeLists\.txt$/.test(path));
}

/** Changes when the addon must be built again: other sources, LibTorch, Node binary interface or options. */
function contentHash(libtorch, options) {
  const hash = createHash("sha256");
  for (const path of sourceFiles()) hash.update(path.slice(nativeDir.length)).update(readFileSync(path));
  hash.update(JSON.stringify([libtorch, options, process.versions.modules, process.platform, process.arch]));
  return hash.digest("hex");
}

function readInfo() {
  try {
    return JSON.parse(readFileSync(join(buildDir, "build-info.json"), "utf8"));
  } catch {
    return undefined;
  }
}

function replaceFile(path, write) {
  const temporary = `${path}.${process.pid}.tmp`;
  write(temporary);
  renameSync(temporary, path);
}

/** Runs a command; the last lines of its output become the error when it fails. */
function runCommand(command, args, onLine) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    const take = (chunk) => {
      log = (log + chunk).slice(-20_000);
      for (const line of String(chunk).split("\n")) if (line.trim() !== "") onLine(line.trim());
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) =>
      reject(new Error(`${command} cannot be started (${error.message}).\n${installAdvice}`)),
    );
    child.on("close", (code) => {
      if (code === 0) resolve(undefined);
      else
        reject(
          new Error(`${command} ${args[0]} failed with exit code ${code}:\n${log.split("\n").slice(-40).join("\n")}`),
        );
    });
  });
}

/**
 * Builds the addon when it is not built yet for these sources, this LibTorch and this Node.
 * @param {{ onProgress?: (line: string) => void, force?: boolean, sanitize?: boolean }} [options]
 * @returns {Promise<{ path: string, built: boolean, seconds: number, libtorch: import("./locate.mjs").LibTorch }>}
 * @throws when there is no LibTorch, no CMake, or the compiler refuses
 */
export async function buildAddon({ onProgress = () => {}, force = false, sanitize = false } = {}) {
  const started = Date.now();
  const path = join(buildDir, "ct_torch.node");
  const info = readInfo();
  const libtorch = locateLibTorch();
  if (libtorch === undefined) throw new Error(installAdvice);
  const gloo = hasGlooHeaders(libtorch);
  const wanted = contentHash(libtorch, { sanitize, gloo });
  if (!force && info?.contentHash === wanted && existsSync(path)) {
    return { path, built: false, seconds: (Date.now() - started) / 1000, libtorch };
  }
  mkdirSync(buildDir, { recursive: true });
  // Builds of one tree wait for each other; the finished addon is renamed into place.
  const tree = join(buildDir, `cmake-${process.arch}`);
  const lock = join(buildDir, "lock");
  const release = await takeLock(lock, onProgress);
  try {
    const again = readInfo();
    if (!force && again?.contentHash === wanted && existsSync(path)) {
      return { path, built: false, seconds: (Date.now() - started) / 1000, libtorch };
    }
    onProgress(`building the torch addon against LibTorch ${libtorch.version} (${libtorch.kind})`);
    if (again !== undefined && again.libtorch?.libDir !== libtorch.libDir)
      rmSync(tree, { recursive: true, force: true });
    const ninja = spawnSync("ninja", ["--version"]).status === 0;
    await runCommand(
      "cmake",
      [
        ...(ninja && !existsSync(join(tree, "Makefile")) ? ["-G", "Ninja"] : []),
        ...["-S", nativeDir, "-B", tree, "-DCMAKE_BUILD_TYPE=Release"],
        `-DCMAKE_PREFIX_PATH=${libtorch.cmakePrefix}`,
        `-DTORCH_LIB_DIR=${libtorch.libDir}`,
        `-DNODE_API_HEADERS=${join(dirname(require.resolve("node-api-headers/package.json")), "include")}`,
        `-DNODE_ADDON_API=${dirname(require.resolve("node-addon-api/package.json"))}`,
        `-DCT_GLOO_HEADERS=${gloo ? "ON" : "OFF"}`,
        `-DCT_SANITIZE=${sanitize ? "ON" : "OFF"}`,
      ],
      () => {},
    );
    await runCommand("cmake", ["--build", tree, "--parallel", String(Math.max(1, cpus().length))], (line) => {
      const step = /^\[\s*(\d+%|\d+\/\d+)\]/.exec(line);
      if (step) onProgress(`building the torch addon [${step[1]}] ${Math.round((Date.now() - started) / 1000)} s`);
    });
    replaceFile(path, (temporary) =>
      writeFileSync(temporary, readFileSync(join(tree, "ct_torch.node")), { mode: 0o755 }),
    );
    const next = { contentHash: wanted, libtorch, node: process.version, builtAt: new Date().toISOString(), sanitize };
    replaceFile(join(buildDir, "build-info.json"), (temporary) =>
      writeFileSync(temporary, `${JSON.stringify(next, null, 2)}\n`),
    );
    return { path, built: true, seconds: (Date.now() - started) / 1000, libtorch };
  } finally {
    release();
  }
}

/** One build at a time in a tree; a lock whose process is gone is taken over. */
async function takeLock(lock, onProgress) {
  for (let announced = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const owner = Number(existsSync(lock) ? readFileSync(lock, "utf8") : 0);
    if (!isAlive(owner)) rmSync(lock, { force: true });
    else {
      if (!announced) onProgress(`waiting for another build of the addon (process ${owner})`);
      announced = true;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

function isAlive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const terminal = process.stdout.isTTY;
  try {
    const result = await buildAddon({
      force: process.argv.includes("--force"),
      sanitize: process.argv.includes("--sanitize"),
      onProgress: (line) => process.stdout.write(terminal ? `\r\u001b[2K${line}` : `${line}\n`),
    });
    const verb = result.built ? "built" : "up to date";
    process.stdout.write(
      `${terminal ? "\r\u001b[2K" : ""}torch addon ${verb} in ${result.seconds.toFixed(1)} s: ${result.path}\n`,
    );
  } catch (error) {
    process.stderr.write(`${terminal ? "\n" : ""}${error.message}\n`);
    process.exitCode = 1;
  }
}
