import { type ConfigSource, listEntries, type ObjectKind, type SourceConfig } from "./source.ts";
import type { ConfigStore } from "./store.ts";

/** The configs of a {@link ConfigStore}. */
export class StructuredConfigSource implements ConfigSource {
  readonly scheme: string = "structured";
  readonly provider: string;
  readonly path: string;
  readonly #stores: readonly ConfigStore[];

  /** What several stores have under one name is taken of the first. */
  constructor(provider: string, path: string, stores: readonly ConfigStore[]) {
    this.provider = provider;
    this.path = path;
    this.#stores = stores;
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
    return listEntries(this, path, new Set(this.#stores.flatMap((store) => store.list(path))), kind);
  }

  load(path: string): SourceConfig {
    const store = this.#stores.find((candidate) => candidate.isConfig(path)) ?? this.#stores[0];
    const stored = store?.load(path);
    return { config: stored!.create(), packageHeader: stored?.entry.package };
  }
}
