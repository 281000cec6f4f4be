import { didYouMean, nearestName } from "@classifier-training/base";
import { ConfigLoadError, HydraError } from "../errors.ts";
import type { Container } from "../omegaconf/containers.ts";
import { withExtension } from "./source.ts";
import { createStored } from "./stored.ts";

/** What a program puts into the {@link ConfigStore}. */
export interface StoreEntry {
  /** The config's name; with a group, the option's name. */
  readonly name: string;
  /** Config group, `db` or `hydra/launcher`. */
  readonly group?: string | undefined;
  /** Where it goes in the output, unless a defaults list says otherwise: `a.b`, `_global_`. */
  readonly package?: string | undefined;
  /** Plain data, a configuration, or a zod schema of an object. */
  readonly node: unknown;
  /** Who stored it, for messages. */
  readonly provider?: string | undefined;
}

export interface StoredConfig {
  readonly entry: StoreEntry;
  /** Makes a fresh configuration of the entry. */
  create(): Container;
}

type Folder = Map<string, Folder | StoredConfig>;

/** Configs that live in the program: plain data, or zod schemas whose defaults and types they then have. */
export class ConfigStore {
  static readonly #global = new ConfigStore();
  readonly #root: Folder = new Map();

  /** The store that every composition of this process sees (its entry on the search path is `structured://`). */
  static instance(): ConfigStore {
    return ConfigStore.#global;
  }

  /** Adds a config; one of the same group and name is replaced. */
  store(entry: StoreEntry): void {
    const group = entry.group ?? "";
    let folder = this.#root;
    for (const part of group.split("/").filter((name) => name !== "")) {
      const next = folder.get(part) ?? new Map();
      if (!(next instanceof Map))
        throw new HydraError({ code: "hydra/store", what: `'${group}' is a config, not a group` });
      folder.set(part, next);
      folder = next;
    }
    folder.set(withExtension(entry.name), { entry, create: () => createStored(entry.name, entry.node) });
  }

  /** Takes everything out again; for tests. */
  clear(): void {
    this.#root.clear();
  }

  load(path: string): StoredConfig {
    const found = this.#open(withExtension(path));
    if (found !== undefined && !(found instanceof Map)) return found;
    const slash = path.lastIndexOf("/");
    throw new ConfigLoadError(`Structured config not found ${path}`, {
      fix: didYouMean(nearestName(path.slice(slash + 1), this.list(path.slice(0, Math.max(0, slash))))),
    });
  }

  isGroup(path: string): boolean {
    return this.#open(path) instanceof Map;
  }

  isConfig(path: string): boolean {
    const found = this.#open(withExtension(path));
    return found !== undefined && !(found instanceof Map);
  }

  /** Names in a group, configs with their extension. */
  list(path: string): string[] {
    const found = this.#open(path);
    return found instanceof Map ? [...found.keys()].sort() : [];
  }

  #open(path: string): Folder | StoredConfig | undefined {
    let at: Folder | StoredConfig | undefined = this.#root;
    for (const part of path.split("/").filter((name) => name !== "")) {
      if (!(at instanceof Map)) return undefined;
      at = at.get(part);
    }
    return at;
  }
}
