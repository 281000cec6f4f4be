// Makes the addon in its folder, unless it is there already: taken from the platform package where that fits, else
// compiled. Built-in modules only.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { addonOfAnother, compile, missingTools, treeIn } from "./compile.mjs";
import { whyUnusable } from "./fits.mjs";
import { installAdvice } from "./install-advice.mjs";
import { hasGlooHeaders, locateLibTorch } from "./locate.mjs";
import { addonFolder, addonName, BuildError, buildInfo, isClone, libraryIn, nativeFolder } from "./place.mjs";
import { platformPackage, takePrebuilt } from "./prebuilt.mjs";

function sourceFiles(folder = nativeFolder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? sourceFiles(join(folder, entry.name)) : [join(folder, entry.name)]))
    .filter((path) => /\.(cc|h|inc)$|CMakeLists\.txt$/.test(path));
}

/** Changes when the addon must be built again: other sources, LibTorch, Node binary interface or options. */
function contentHash(libtorch, options) {
  const hash = createHash("sha256");
  for (const path of sourceFiles()) hash.update(path.slice(nativeFolder.length)).update(readFileSync(path));
  hash.update(JSON.stringify([libtorch, options, process.versions.modules, process.platform, process.arch]));
  return hash.digest("hex");
}

function replaceFile(path, write) {
  const temporary = `${path}.${process.pid}.tmp`;
  write(temporary);
  renameSync(temporary, path);
}

/**
 * @typedef {object} Addon
 * @property {string} path
 * @property {"ready" | "prebuilt" | "built"} how it was there, taken from a platform package, or compiled now
 * @property {number} seconds
 * @property {import("./locate.mjs").LibTorch} libtorch
 */

/**
 * Makes the addon for these sources, this LibTorch and this Node, unless it is there.
 * @param {{ onProgress?: (line: string) => void, force?: boolean, sanitize?: boolean }} [options]
 * @returns {Promise<Addon>}
 * @throws BuildError when there is no LibTorch, no CMake, or the compiler refuses
 */
export async function makeAddon({ onProgress = () => {}, force = false, sanitize = false } = {}) {
  const started = Date.now();
  const folder = addonFolder();
  const libtorch = located();
  const options = { sanitize, gloo: hasGlooHeaders(libtorch) };
  const wanted = contentHash(libtorch, options);
  const path = join(folder, addonName);
  const made = (how) => ({ path, how, seconds: (Date.now() - started) / 1000, libtorch });
  const isReady = () => !force && buildInfo(folder)?.contentHash === wanted && existsSync(path);
  if (isReady()) {
    noteInstalledAgain(folder, libtorch);
    return made("ready");
  }
  createFolder(folder);
  const release = await takeLock(join(folder, "lock"), onProgress).catch(explainDisk);
  try {
    if (isReady()) return made("ready");
    linkLibTorch(folder, libtorch);
    const prebuilt = isClone() || sanitize ? undefined : platformPackage();
    const why = prebuilt && takePrebuilt(prebuilt, libtorch, path);
    const how = prebuilt !== undefined && why === undefined ? "prebuilt" : "built";
    if (how === "built") {
      await compile(
        folder,
        libtorch,
        { ...options, why: why ?? addonOfAnother(folder, libtorch) },
        onProgress,
        (binary) => replaceFile(path, (temporary) => writeFileSync(temporary, readFileSync(binary), { mode: 0o755 })),
      );
      // Object files serve whoever changes the sources.
      if (!isClone()) rmSync(treeIn(folder), { recursive: true, force: true });
    }
    writeInfo(folder, { contentHash: wanted, origin: how, builtAt: new Date().toISOString(), sanitize }, libtorch);
    return made(how);
  } catch (error) {
    return explainDisk(error);
  } finally {
    release();
  }
}

/** An addon may be of the same LibTorch whose file has been installed again; where nothing may be written, it is asked each time. */
function noteInstalledAgain(folder, libtorch) {
  try {
    linkLibTorch(folder, libtorch);
    writeInfo(folder, buildInfo(folder), libtorch);
  } catch (error) {
    if (!["EROFS", "EACCES", "EPERM"].includes(error.code)) explainDisk(error);
  }
}

/** @returns {never} */
function explainDisk(error) {
  const isFull = ["ENOSPC", "EDQUOT"].includes(error.code);
  if (!isFull && !["EROFS", "EACCES", "EPERM"].includes(error.code)) throw error;
  const fix = isFull
    ? `free space on the disk of ${addonFolder()}`
    : "set XDG_CACHE_HOME to a folder that may be written";
  throw new BuildError(`the addon cannot be written: ${error.message}\n  fix: ${fix}`);
}

function located() {
  const libtorch = locateLibTorch();
  const reason = libtorch && whyUnusable(libtorch);
  if (reason !== undefined) throw new BuildError(`${reason}\n${otherLibTorch(libtorch)}`);
  if (libtorch !== undefined) return libtorch;
  const tools = !isClone() && platformPackage() !== undefined ? false : missingTools().length > 0;
  throw new BuildError(`LibTorch was not found\n${installAdvice({ libtorch: true, tools })}`);
}

/** What to do about a LibTorch that cannot be used, by where it was found. */
function otherLibTorch({ kind, cmakePrefix }) {
  if (kind === "LIBTORCH") return "  fix: set LIBTORCH to the folder of another one, or unset it";
  if (kind === "download") return `  fix: delete ${dirname(cmakePrefix)} and download it again`;
  return installAdvice({ libtorch: true });
}

function createFolder(folder) {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new BuildError(
      `the folder for the addon cannot be made: ${error.message}\n  fix: set XDG_CACHE_HOME to a folder that may be written`,
    );
  }
}

function writeInfo(folder, info, libtorch) {
  const library = libraryIn(libtorch.libDir);
  const variable = process.env.LIBTORCH ?? "";
  const next = { ...info, libtorch, library, variable, node: process.version };
  replaceFile(join(folder, "build-info.json"), (temporary) =>
    writeFileSync(temporary, `${JSON.stringify(next, null, 2)}\n`),
  );
}

/** The addon finds LibTorch through a link beside it, wherever it was compiled. */
function linkLibTorch(folder, { libDir }) {
  if (process.platform === "win32") return;
  replaceFile(join(folder, "libtorch"), (temporary) => symlinkSync(libDir, temporary));
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

/** Progress on one line of a terminal; without one a line for each quarter is enough. */
export function progressLines(write, isTerminal, prefix = "") {
  let said = "";
  return (line) => {
    if (isTerminal) write(`\r\u001b[2K${prefix}${line}`);
    else if (quarter(line) !== said) write(`${prefix}${line}\n`);
    said = quarter(line);
  };
}

function quarter(line) {
  const [, percent, done, total] = /\[(?:(\d+)%|(\d+)\/(\d+))\]/.exec(line) ?? [];
  const fraction = percent === undefined ? Number(done) / Number(total) : Number(percent) / 100;
  return Number.isNaN(fraction) ? line : String(Math.floor(4 * fraction));
}

/** What came of it, in words. */
export function describeAddon({ how, seconds, libtorch }) {
  const forWhich = `for LibTorch ${libtorch.version} (${libtorch.kind})`;
  if (how === "ready") return `the torch addon is ready ${forWhich}`;
  return how === "prebuilt"
    ? `took the prebuilt torch addon ${forWhich}`
    : `built the torch addon ${forWhich} in ${seconds.toFixed(0)} s`;
}

// Loading the package runs this once: progress goes to standard error, what came of it as JSON to standard output.
if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const terminal = process.stderr.isTTY;
  const write = (text) => process.stderr.write(text);
  try {
    const addon = await makeAddon({
      force: process.argv.includes("--force"),
      sanitize: process.argv.includes("--sanitize"),
      onProgress: progressLines(write, terminal),
    });
    write(`${terminal ? "\r\u001b[2K" : ""}${describeAddon(addon)}\n`);
    process.stdout.write(`${JSON.stringify({ path: addon.path })}\n`);
  } catch (error) {
    if (terminal) write("\r\u001b[2K");
    process.stdout.write(`${JSON.stringify({ error: error instanceof BuildError ? error.message : error.stack })}\n`);
    process.exitCode = 1;
  }
}
