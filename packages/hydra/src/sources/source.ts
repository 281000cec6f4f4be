import { ConfigLoadError } from "../errors.ts";
import type { Container } from "../omegaconf/containers.ts";

export type ObjectKind = "group" | "config";

/** A config as its source has it. */
export interface SourceConfig {
  readonly config: Container;
  /** The package of its `# @package` line. */
  readonly packageHeader: string | undefined;
  /** The file, where there is one. */
  readonly file?: string;
}

/** A place where configs come from: one entry of the search path. */
export interface ConfigSource {
  /** Who put it on the search path: `hydra`, `main`, `command-line`, `schema`. */
  readonly provider: string;
  readonly scheme: string;
  /** The place, without its scheme. */
  readonly path: string;
  /** Whether the place exists. */
  available(): boolean;
  isGroup(path: string): boolean;
  isConfig(path: string): boolean;
  /** Names in a group, sorted; configs without their extension. */
  list(path: string, kind: ObjectKind): string[];
  /** @throws ConfigLoadError, YamlError */
  load(path: string): SourceConfig;
}

export function describeSource(source: ConfigSource): string {
  return `provider=${source.provider}, path=${source.scheme}://${source.path}`;
}

/** Adds the extension to a config's name. */
export function withExtension(name: string): string {
  if (name.endsWith(".yml")) {
    throw new ConfigLoadError(`Unsupported config file extension '.yml': '${name}'`, {
      fix: "config files must have the extension .yaml",
    });
  }
  return name.endsWith(".yaml") ? name : `${name}.yaml`;
}

/** The names among `entries` that are groups or configs, as a source's `list` gives them. */
export function listEntries(source: ConfigSource, path: string, entries: Iterable<string>, kind: ObjectKind): string[] {
  const names = new Set<string>();
  for (const entry of entries) {
    if (entry === "__pycache__" || entry === "__init__.py") continue;
    const entryPath = path === "" ? entry : `${path}/${entry}`;
    const isGroup = source.isGroup(entryPath);
    const isConfig = source.isConfig(entryPath);
    if (kind === "group" ? !isGroup : !isConfig) continue;
    const dot = entry.lastIndexOf(".");
    names.add(kind === "group" || dot === -1 ? entry : entry.slice(0, dot));
  }
  return [...names].sort();
}

/** The package of the `# @package NAME` lines at the top of a config. Throws {@link ConfigLoadError}. */
export function packageHeader(text: string): string | undefined {
  let found: string | undefined;
  for (const rawLine of text.slice(0, 512).split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/)) {
    const line = rawLine.trim();
    if (line === "") continue;
    if (!/^#\s*@/.test(line)) break;
    const words = line
      .replace(/^#+/, "")
      .trim()
      .split(" ")
      .filter((word) => word !== "");
    const [key = "", value] = words;
    if (value === undefined) throw new ConfigLoadError(`Expected header format: KEY VALUE, got '${words.join(" ")}'`);
    if (words.length > 2) throw new ConfigLoadError(`Too many components in '${words.join(" ")}'`);
    if (key === "@package") found = value;
  }
  return found;
}
