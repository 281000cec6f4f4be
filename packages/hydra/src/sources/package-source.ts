import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { FileConfigSource } from "./file-source.ts";

/** Configs inside an installed npm package: `pkg://name/folder`, `pkg://@scope/name/folder`. */
export class PackageConfigSource extends FileConfigSource {
  override readonly scheme = "pkg";

  /** `from` is the folder whose `node_modules` (and those above it) are searched. */
  constructor(provider: string, path: string, from: string) {
    super(provider, path, packageFolder(path, from) ?? join(from, "node_modules", path));
  }
}

function packageFolder(path: string, from: string): string | undefined {
  const parts = path.split("/");
  const name = parts.splice(0, path.startsWith("@") ? 2 : 1).join("/");
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(candidate)) return join(candidate, ...parts);
    if (dirname(folder) === folder) break;
  }
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), ...parts);
  } catch {
    return undefined;
  }
}
