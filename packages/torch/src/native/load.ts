import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { addonFolder, buildInfo, readyAddon } from "../../native/place.mjs";
import { NativeLoadError } from "../errors.ts";
import type { Binding } from "./binding.ts";

export { type BuildInfo, buildInfo } from "../../native/place.mjs";

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

function load(): Binding {
  const path = process.env["CT_TORCH_ADDON"] ?? readyAddon() ?? makeAddon();
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
