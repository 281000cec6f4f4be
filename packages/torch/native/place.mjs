// Where the built addon of this package is, and whether it still stands. Built-in modules only: setup runs this before
// anything is installed, and loading the package asks here at every start.
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const nativeFolder = dirname(fileURLToPath(import.meta.url));
const packageRoot = dirname(nativeFolder);

/** @returns {{ name: string, version: string }} */
export const packageManifest = () => JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8"));

/** Something is missing or does not fit; the message says what, and what to do. */
export class BuildError extends Error {
  name = "BuildError";
}

/** Where this project keeps what it can make again: `cacheFolder` of the package base, which may not be installed yet. */
export function cacheFolder(kind) {
  const variable = process.env.XDG_CACHE_HOME;
  const cache = variable ? resolve(variable.replace(/^~(?=\/|$)/, home)) : join(home(), ".cache");
  return join(cache, "classifier-training", kind);
}

function home() {
  try {
    return homedir();
  } catch {
    throw new BuildError("this user has no home folder\n  fix: set XDG_CACHE_HOME to a folder that may be written");
  }
}

/** Whether this is a checkout of the sources, whose contributors build again what they changed. */
export const isClone = () => !packageRoot.split(sep).includes("node_modules");

/**
 * The folder of the addon: in a clone beside its sources; elsewhere in the user's cache (a package may be installed where
 * nothing may be written), a folder for each package version, Node interface, `LIBTORCH` and `CXX`.
 */
export function addonFolder() {
  if (process.env.CT_TORCH_BUILD_DIR) return process.env.CT_TORCH_BUILD_DIR;
  if (isClone()) return join(packageRoot, "build");
  const { version } = packageManifest();
  const { LIBTORCH = "", CXX = "" } = process.env;
  const key = createHash("sha256")
    .update(JSON.stringify([LIBTORCH, CXX]))
    .digest("hex")
    .slice(0, 8);
  return join(
    cacheFolder("addons"),
    `${version}-abi${process.versions.modules}-${process.platform}-${process.arch}-${key}`,
  );
}

export const addonName = "ct_torch.node";

/**
 * What the build wrote beside the addon.
 * @typedef {object} BuildInfo
 * @property {string} contentHash of the sources, LibTorch, compiler options and Node's interface
 * @property {import("./locate.mjs").LibTorch} libtorch
 * @property {{ path: string, size: number, mtimeMs: number }} library LibTorch's own file as it was
 * @property {string} variable what `LIBTORCH` was; empty where it was not set
 * @property {"built" | "prebuilt"} origin compiled here, or taken from a platform package
 * @property {string} node
 * @property {string} builtAt
 */

/** @returns {BuildInfo | undefined} */
export function buildInfo(folder = addonFolder()) {
  try {
    return JSON.parse(readFileSync(join(folder, "build-info.json"), "utf8"));
  } catch {
    return undefined;
  }
}

/** LibTorch's library in a folder. */
export function libraryPath(libDir) {
  const names = { darwin: "libtorch_cpu.dylib", win32: "torch_cpu.dll" };
  return join(libDir, names[process.platform] ?? "libtorch_cpu.so");
}

/** What that library is now: a changed one needs another addon. */
export function libraryIn(libDir) {
  const path = realpathSync(libraryPath(libDir));
  const { size, mtimeMs } = statSync(path);
  return { path, size, mtimeMs };
}

/** Where the link beside an addon leads; to what it was built against where there is none. */
function linkedLibTorch(folder) {
  try {
    return readlinkSync(join(folder, "libtorch"));
  } catch {
    return buildInfo(folder)?.libtorch.libDir;
  }
}

/**
 * The addon's path, where it is built and its LibTorch is still the one that it was built against.
 * @returns {string | undefined}
 */
export function readyAddon() {
  const folder = addonFolder();
  const info = buildInfo(folder);
  if (info?.library === undefined || info.variable !== (process.env.LIBTORCH ?? "")) return undefined;
  const path = join(folder, addonName);
  try {
    const { size, mtimeMs } = statSync(info.library.path);
    statSync(path);
    if (linkedLibTorch(folder) !== info.libtorch.libDir) return undefined;
    return size === info.library.size && mtimeMs === info.library.mtimeMs ? path : undefined;
  } catch {
    return undefined;
  }
}
