import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { addonFolder, BuildError, type BuildInfo, buildInfo, readyAddon } from "../../native/place.mjs";
import { NativeLoadError } from "../errors.ts";
import type { Binding } from "./binding.ts";

export { type BuildInfo, buildInfo };

/** The fix for a failure of `dlopen`, by its text. */
export function adviceFor(message: string, libDir: string | undefined): string {
  const again = `delete ${addonFolder()}: it is made again at the next start`;
  if (/cannot open shared object file|Library not loaded|image not found|specified module could not/.test(message)) {
    return `a library of LibTorch is gone${libDir === undefined ? "" : ` (it was in ${libDir})`}: install LibTorch again, or ${again}`;
  }
  if (/undefined symbol|Symbol not found/.test(message)) {
    return `the addon was built against another version of LibTorch: ${again}`;
  }
  if (/GLIBC_|GLIBCXX_|CXXABI_/.test(message)) return `the addon was built on a newer system than this one: ${again}`;
  if (/invalid ELF header|wrong architecture|mach-o/.test(message)) {
    return `the addon was built for another kind of machine: ${again}`;
  }
  return again;
}

/**
 * Makes the addon in a process of its own: loading a module cannot wait for a compiler otherwise.
 * @throws NativeLoadError with what is missing on this machine
 */
function makeAddon(): string {
  const script = fileURLToPath(new URL("../../native/build.mjs", import.meta.url));
  const { stdout, error } = spawnSync(process.execPath, [script], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  const line = stdout?.trim().split("\n").at(-1) ?? "";
  const result = line.startsWith("{") ? (JSON.parse(line) as { path?: string; error?: string }) : {};
  if (result.path !== undefined) return result.path;
  throw new NativeLoadError({
    code: "torch/not-built",
    what: `the native addon of @classifier-training/torch cannot be made: ${result.error ?? error?.message ?? "its build ended without a word"}`,
  });
}

/** The file of another LibTorch that the system would load in place of the addon's own. */
function otherLibrary({ library }: BuildInfo): string | undefined {
  if (library === undefined || process.platform !== "linux") return undefined;
  // As the addon names it: Debian's with its version.
  const name = basename(library.path).replace(/(\.so\.\d+\.\d+)\.\d+$/, "$1");
  return (process.env["LD_LIBRARY_PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .filter((path) => existsSync(path))
    .slice(0, 1)
    .find((path) => realpathSync(path) !== library.path);
}

/** The addon's path. @throws NativeLoadError */
function addonPath(): string {
  const given = process.env["CT_TORCH_ADDON"];
  if (given !== undefined) return given;
  let path: string;
  try {
    path = readyAddon() ?? makeAddon();
  } catch (cause) {
    if (!(cause instanceof BuildError)) throw cause;
    throw new NativeLoadError({ code: "torch/not-built", what: cause.message, cause });
  }
  const info = buildInfo();
  const other = info && otherLibrary(info);
  if (info === undefined || other === undefined) return path;
  throw new NativeLoadError({
    code: "torch/other-libtorch",
    what: `the native addon was made for LibTorch ${info.libtorch.version} (${info.libtorch.libDir}), and LD_LIBRARY_PATH has another one before it: ${other}`,
    where: path,
    fix: "unset LD_LIBRARY_PATH, or set LIBTORCH to the folder of the one wanted: an addon is made for it",
  });
}

function load(): Binding {
  const path = addonPath();
  const libDir = buildInfo()?.libtorch.libDir;
  // Windows has no search path inside of a library.
  if (process.platform === "win32" && libDir !== undefined) {
    process.env["PATH"] = `${libDir}${delimiter}${process.env["PATH"] ?? ""}`;
  }
  try {
    return createRequire(import.meta.url)(path) as Binding;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new NativeLoadError({
      code: "torch/load",
      what: `the native addon of @classifier-training/torch cannot be loaded: ${message}`,
      where: path,
      fix: adviceFor(message, libDir),
      cause: error,
    });
  }
}

/** The addon; importing the package loads it once per thread. */
export const native: Binding = load();
