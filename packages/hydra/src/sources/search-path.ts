import { resolve } from "node:path";
import { HydraError } from "../errors.ts";
import { FileConfigSource } from "./file-source.ts";
import { colorlogFiles, hydraFiles, hydraSchemas } from "./hydra-conf.ts";
import { PackageConfigSource } from "./package-source.ts";
import type { ConfigSource } from "./source.ts";
import { ConfigStore } from "./store.ts";
import { StructuredConfigSource } from "./structured-source.ts";

/** One entry of the search path: who put it there, and a folder, `file://`, `pkg://` or `structured://` address. */
export interface SearchPathEntry {
  readonly provider: string;
  readonly path: string;
}

export type SourceFactory = (provider: string, path: string) => ConfigSource;

const customSchemes = new Map<string, SourceFactory>();

/** Adds a scheme of addresses to the search path, e.g. `s3` for `s3://bucket/conf`. */
export function registerConfigSource(scheme: string, create: SourceFactory): void {
  customSchemes.set(scheme, create);
}

class HydraPackageSource extends StructuredConfigSource {
  override readonly scheme = "pkg";
}

/** Opens all entries of a search path. Throws for an unknown scheme. */
export function openSources(entries: readonly SearchPathEntry[]): ConfigSource[] {
  const main = entries.find(({ provider, path }) => provider === "main" && !path.includes("://"));
  const packagesFrom = [process.cwd(), ...(main === undefined ? [] : [resolve(main.path)])];
  return entries.map((entry) => openSource(entry, packagesFrom));
}

function openSource({ provider, path }: SearchPathEntry, packagesFrom: readonly string[]): ConfigSource {
  const at = path.indexOf("://");
  const scheme = at === -1 ? "file" : path.slice(0, at);
  const place = at === -1 ? path : path.slice(at + 3);
  const custom = customSchemes.get(scheme);
  if (custom !== undefined) return custom(provider, place);
  if (scheme === "file") return new FileConfigSource(provider, place, resolve(place));
  if (scheme === "structured")
    return new StructuredConfigSource(provider, place, [ConfigStore.instance(), hydraSchemas]);
  if (scheme === "pkg") {
    const isHydra = place.replaceAll("/", ".").replace(/\.+$/, "") === "hydra.conf";
    if (isHydra) return new HydraPackageSource(provider, "hydra.conf", [hydraFiles], [colorlogFiles]);
    return new PackageConfigSource(provider, place, packagesFrom);
  }
  const known = ["file", "pkg", "structured", ...customSchemes.keys()].sort().join(", ");
  throw new HydraError({
    code: "hydra/search-path",
    what: `No config source registered for schema ${scheme}, supported types : [${known}]`,
  });
}

/**
 * Hydra's own configs, the program's, what the command line adds, what the program falls back to, and the store: in the
 * order of their priority.
 */
export function searchPath(
  primary: string | undefined,
  configDirs: readonly string[] = [],
  fallbacks: readonly string[] = [],
): SearchPathEntry[] {
  return [
    { provider: "hydra", path: "pkg://hydra.conf" },
    ...(primary === undefined ? [] : [{ provider: "main", path: primary }]),
    ...configDirs.map((folder) => ({ provider: "command-line", path: `file://${resolve(folder)}` })),
    ...fallbacks.map((folder) => ({ provider: "fallback", path: `file://${folder}` })),
    { provider: "schema", path: "structured://" },
  ];
}
