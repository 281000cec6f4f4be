import { getLogger } from "@classifier-training/base";
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

const log = getLogger("hydra");

/** All configs of a search path; each is loaded once. */
export class ConfigRepository implements DefaultsRepository {
  #sources: readonly ConfigSource[];
  readonly #cache = new Map<string, LoadedConfig | undefined>();

  readonly #olderHeaders: boolean;

  /** @param olderHeaders read `# @package _group_` and `_name_` as Hydra 1.0 and 1.1 did, with a warning */
  constructor(entries: readonly SearchPathEntry[], olderHeaders = false) {
    this.#sources = openSources(entries);
    this.#olderHeaders = olderHeaders;
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
    const { config, packageHeader: header, file } = source.load(path);
    const packageHeader = this.#olderHeaders ? withoutKeywords(header, path) : header;
    return { config, packageHeader, file, source, defaults: parseDefaults(path, takeDefaults(path, config)) };
  }
}

/** A package header with the keywords of Hydra 1.0 replaced; `_group_` alone is what no header says. */
function withoutKeywords(header: string | undefined, path: string): string | undefined {
  if (header === undefined || !/(^|\.)_(group|name)_(\.|$)/.test(header)) return header;
  const [name = "", ...group] = path.split("/").reverse();
  const text = header.replace("_group_", group.reverse().join(".")).replace("_name_", name);
  log.warnOnce(
    `In '${path}': '# @package ${header}' is of Hydra 1.0: it stands for '${text}' here.` +
      (header === "_group_" ? " Leave the line out: this is the default." : ` Write '# @package ${text}'.`),
  );
  return header === "_group_" ? undefined : text.replace(/^\.|\.$/g, "");
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
