// Finds LibTorch. Built-in modules only: setup runs this before anything is installed.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { installAdvice } from "./install-advice.mjs";
import { BuildError, cacheFolder } from "./place.mjs";

/**
 * @typedef {object} LibTorch
 * @property {"LIBTORCH" | "download" | "debian" | "homebrew" | "python"} kind where it was found
 * @property {string} cmakePrefix for CMAKE_PREFIX_PATH
 * @property {string} version e.g. "1.13.0"
 * @property {string} libDir the folder of libtorch_cpu
 */

const versionHeaders = [
  "include/torch/csrc/api/include/torch/version.h",
  "include/torch/headeronly/version.h",
  "include/torch/version.h",
];

/** @returns {string | undefined} */
function versionIn(prefix) {
  for (const header of versionHeaders) {
    const path = join(prefix, header);
    if (!existsSync(path)) continue;
    const version = /#define TORCH_VERSION\s+\\?\s*"([^"]+)"/.exec(readFileSync(path, "utf8"));
    if (version) return version[1];
  }
  const buildVersion = join(prefix, "build-version");
  return existsSync(buildVersion) ? readFileSync(buildVersion, "utf8").trim() : undefined;
}

/** @returns {LibTorch | undefined} */
function at(kind, prefix, libDir = join(prefix, "lib")) {
  const version = versionIn(prefix);
  return version === undefined ? undefined : { kind, cmakePrefix: prefix, version, libDir };
}

function fromVariable() {
  const folder = process.env.LIBTORCH;
  if (!folder) return undefined;
  const found = at("LIBTORCH", resolve(folder));
  if (found === undefined) {
    throw new BuildError(
      `LIBTORCH is ${folder}, but there is no LibTorch: ${versionHeaders[0]} is missing.\n` +
        "  fix: set it to the unpacked libtorch folder, or unset it",
    );
  }
  return found;
}

/** What `classifier setup --download` has unpacked: whoever asked for it wants it used. Of several, that asked for last. */
function fromDownload() {
  const folder = existingCache();
  if (folder === undefined) return undefined;
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, "libtorch")))
    .map((name) => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at)
    .map(({ path }) => at("download", join(path, "libtorch")))
    .find((found) => found !== undefined);
}

/** A user without a home folder has no cache. */
function existingCache() {
  try {
    const folder = cacheFolder("libtorch");
    return existsSync(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

function fromDebian() {
  if (process.platform !== "linux" || !existsSync(join("/usr", versionHeaders[0]))) return undefined;
  for (const name of readdirSync("/usr/lib")) {
    const libDir = join("/usr/lib", name);
    if (existsSync(join(libDir, "libtorch_cpu.so"))) return at("debian", "/usr", libDir);
  }
  return undefined;
}

function fromHomebrew() {
  if (process.platform !== "darwin") return undefined;
  for (const prefix of ["/opt/homebrew/opt/pytorch", "/usr/local/opt/pytorch"]) {
    const found = existsSync(prefix) ? at("homebrew", realpathSync(prefix)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function fromPython() {
  const script = "import torch, os; print(os.path.dirname(torch.__file__))";
  try {
    const folder = execFileSync("python3", ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return at("python", folder.trim());
  } catch {
    return undefined;
  }
}

/**
 * Looks in the order LIBTORCH, a downloaded one, Debian's or Ubuntu's libtorch-dev, Homebrew, a Python torch package.
 * @returns {LibTorch | undefined}
 */
export function locateLibTorch() {
  return fromVariable() ?? fromDownload() ?? fromDebian() ?? fromHomebrew() ?? fromPython();
}

/**
 * Whether gloo's headers are there, which process groups (distributed training) are compiled with.
 * @param {LibTorch} libtorch
 */
export function hasGlooHeaders(libtorch) {
  return [libtorch.cmakePrefix, "/usr"].some((prefix) => existsSync(join(prefix, "include/gloo/rendezvous/store.h")));
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    const found = locateLibTorch();
    if (found === undefined) throw new BuildError(`LibTorch was not found\n${installAdvice({ libtorch: true })}`);
    process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
