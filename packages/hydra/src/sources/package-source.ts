import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { FileConfigSource } from "./file-source.ts";

/** Configs inside an installed npm package: `pkg://name/folder`, `pkg://@scope/name/folder`. */
export class PackageConfigSource extends FileConfigSource {
  override readonly scheme = "pkg";

  /** `from` are the folders whose `node_modules` (and those above them) are searched, in order. */
  constructor(provider: string, path: string, from: readonly string[]) {
    const found = from.map((folder) => packageFolder(path, folder)).find((folder) => folder !== undefined);
    super(provider, path, found ?? installedFolder(path) ?? join(from[0] ?? ".", "node_modules", path));
  }
}

function packageFolder(path: string, from: string): string | undefined {
  const [name, parts] = splitPackage(path);
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(candidate)) return join(candidate, ...parts);
    if (dirname(folder) === folder) return undefined;
  }
}

/** The folder where this package itself would find the other one. */
function installedFolder(path: string): string | undefined {
  const [name, parts] = splitPackage(path);
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), ...parts);
  } catch {
    return undefined;
  }
}

function splitPackage(path: string): [name: string, parts: string[]] {
  const parts = path.split("/");
  return [parts.splice(0, path.startsWith("@") ? 2 : 1).join("/"), parts];
}
