import { type ConfigSource, listEntries, type ObjectKind, type SourceConfig } from "./source.ts";
import type { ConfigStore } from "./store.ts";

/** The configs of a {@link ConfigStore}. */
export class StructuredConfigSource implements ConfigSource {
  readonly scheme: string = "structured";
  readonly provider: string;
  readonly path: string;
  readonly #stores: readonly ConfigStore[];
  readonly #listed: readonly ConfigStore[];

  /**
   * What several stores have under one name is taken of the first.
   * @param unlisted stores whose configs are found by name, but named nowhere
   */
  constructor(provider: string, path: string, stores: readonly ConfigStore[], unlisted: readonly ConfigStore[] = []) {
    this.provider = provider;
    this.path = path;
    this.#listed = stores;
    this.#stores = [...stores, ...unlisted];
  }

  available(): boolean {
    return true;
  }

  isGroup(path: string): boolean {
    return this.#stores.some((store) => store.isGroup(path));
  }

  isConfig(path: string): boolean {
    const name = path.replace(/\/+$/, "");
    return this.#stores.some((store) => store.isConfig(name));
  }

  list(path: string, kind: ObjectKind): string[] {
    return listEntries(this, path, new Set(this.#listed.flatMap((store) => store.list(path))), kind);
  }

  load(path: string): SourceConfig {
    const store = this.#stores.find((candidate) => candidate.isConfig(path)) ?? this.#stores[0];
    const stored = store?.load(path);
    return { config: stored!.create(), packageHeader: stored?.entry.package };
  }
}
