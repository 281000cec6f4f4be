import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NativeLoadError } from "../errors.ts";
import type { Binding } from "./binding.ts";

/** The folder of the package, from `src/native` or `dist/native`. */
const packageRoot = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const buildDir = process.env["CT_TORCH_BUILD_DIR"] ?? join(packageRoot, "build");

/** What the build wrote beside the addon: the LibTorch it belongs to, and where that was. */
export interface BuildInfo {
  readonly contentHash: string;
  readonly libtorch: { readonly kind: string; readonly version: string; readonly libDir: string };
  readonly node: string;
  readonly builtAt: string;
}

/** The record of the build, or undefined when the addon was never built here. */
export function buildInfo(): BuildInfo | undefined {
  const path = join(buildDir, "build-info.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as BuildInfo) : undefined;
}

/** The fix for a failure of `dlopen`, by its text. */
export function adviceFor(message: string, libDir: string | undefined): string {
  if (/cannot open shared object file|Library not loaded|image not found/.test(message)) {
    return `a library of LibTorch is gone${libDir === undefined ? "" : ` (it was in ${libDir})`}: install LibTorch again, or build against the one there is now with \`npm run setup\``;
  }
  if (/undefined symbol|Symbol not found/.test(message)) {
    return "the addon was built against another version of LibTorch: build it again with `npm run setup`";
  }
  if (/GLIBC_|GLIBCXX_|CXXABI_/.test(message)) {
    return "the addon was built on a newer system than this one: build it here with `npm run setup`";
  }
  if (/invalid ELF header|wrong architecture|mach-o/.test(message)) {
    return "the addon was built for another kind of machine: delete packages/torch/build and run `npm run setup`";
  }
  return "build it again with `npm run setup`, and see what `npx classifier doctor` says";
}

function load(): Binding {
  const path = process.env["CT_TORCH_ADDON"] ?? join(buildDir, "ct_torch.node");
  if (!existsSync(path)) {
    throw new NativeLoadError({
      code: "torch/not-built",
      what: "the native addon of @classifier-training/torch is not built",
      where: path,
      fix: "run `npm run setup`, which builds it against LibTorch (about half a minute)",
    });
  }
  try {
    return createRequire(import.meta.url)(path) as Binding;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new NativeLoadError({
      code: "torch/load",
      what: `the native addon of @classifier-training/torch cannot be loaded: ${message}`,
      where: path,
      fix: adviceFor(message, buildInfo()?.libtorch.libDir),
      cause: error,
    });
  }
}

/** The addon; importing the package loads it once per thread. */
export const native: Binding = load();
