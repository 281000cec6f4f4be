import type { InputDefault } from "./elements.ts";

/** What the defaults list needs to know of a config: where it asks to be put, and its own defaults. */
export interface DefaultsConfig {
  readonly packageHeader: string | undefined;
  readonly defaults: readonly InputDefault[];
}

/** Where configs are looked up while the tree of defaults is built. */
export interface DefaultsRepository {
  loadConfig(path: string): DefaultsConfig | undefined;
  groupExists(path: string): boolean;
  configExists(path: string): boolean;
  /** Names of the options of a config group, sorted. */
  groupOptions(group: string): string[];
  /** One line per entry of the search path, for messages. */
  describeSources(): string[];
}
