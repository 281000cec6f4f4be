import { parseDefaults } from "../defaults/parse.ts";
import type { DefaultsConfig, DefaultsRepository } from "../defaults/repository.ts";
import { ConfigLoadError } from "../errors.ts";
import { type Container, DictConfig, ListConfig } from "../omegaconf/containers.ts";
import { type Node, ValueNode } from "../omegaconf/node.ts";
import { openSources, type SearchPathEntry } from "./search-path.ts";
import { type ConfigSource, describeSource, type ObjectKind } from "./source.ts";

/** A config, its defaults list taken out. */
export interface LoadedConfig extends DefaultsConfig {
  readonly config: Container;
  readonly source: ConfigSource;
  readonly file: string | undefined;
}

/** All configs of a search path; each is loaded once. */
export class ConfigRepository implements DefaultsRepository {
  #sources: readonly ConfigSource[];
  readonly #cache = new Map<string, LoadedConfig | undefined>();

  constructor(entries: readonly SearchPathEntry[]) {
    this.#sources = openSources(entries);
  }

  get sources(): readonly ConfigSource[] {
    return this.#sources;
  }

  /** Changes the search path; what is loaded stays (the primary config, which asked for the change). */
  setSearchPath(entries: readonly SearchPathEntry[]): void {
    this.#sources = openSources(entries);
  }

  loadConfig(path: string): LoadedConfig | undefined {
    if (this.#cache.has(path)) return this.#cache.get(path);
    const loaded = this.#load(path);
    this.#cache.set(path, loaded);
    return loaded;
  }

  groupExists(path: string): boolean {
    return this.#sources.some((source) => source.isGroup(path));
  }

  configExists(path: string): boolean {
    return this.#sources.some((source) => source.isConfig(path));
  }

  groupOptions(group: string, kind: ObjectKind = "config"): string[] {
    const names = this.#sources.filter((source) => source.isGroup(group)).flatMap((source) => source.list(group, kind));
    return [...new Set(names)].sort();
  }

  /** All config groups that have options, with their subgroups. */
  allGroups(parent = ""): string[] {
    return this.groupOptions(parent, "group").flatMap((name) => {
      const group = parent === "" ? name : `${parent}/${name}`;
      return [...(this.groupOptions(group).length > 0 ? [group] : []), ...this.allGroups(group)];
    });
  }

  describeSources(): string[] {
    return this.#sources.map(describeSource);
  }

  #load(path: string): LoadedConfig | undefined {
    const source = this.#sources.find((candidate) => candidate.isConfig(path));
    if (source === undefined) return undefined;
    const { config, packageHeader, file } = source.load(path);
    return { config, packageHeader, file, source, defaults: parseDefaults(path, takeDefaults(path, config)) };
  }
}

function takeDefaults(path: string, config: Container): readonly unknown[] {
  if (!(config instanceof DictConfig)) return [];
  const node = config.node("defaults");
  if (node === undefined) return [];
  config.content.delete("defaults");
  if (node instanceof ListConfig) return rawValue(node) as unknown[];
  if (node instanceof ValueNode && node.isMissing) return [];
  const type = node instanceof DictConfig ? "mapping" : "single value";
  throw new ConfigLoadError(`Invalid defaults list in '${path}', defaults must be a list (got ${type})`);
}

/** The value of a node as written, interpolations and all. */
function rawValue(node: Node): unknown {
  if (node instanceof ListConfig) return [...node.nodes()].map(rawValue);
  if (node instanceof DictConfig) return new Map([...node.nodes()].map((child) => [child.key, rawValue(child)]));
  return (node as ValueNode).value;
}
