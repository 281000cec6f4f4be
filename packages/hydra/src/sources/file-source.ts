import { readdirSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigLoadError } from "../errors.ts";
import { create } from "../omegaconf/create.ts";
import {
  type ConfigSource,
  listEntries,
  type ObjectKind,
  packageHeader,
  type SourceConfig,
  withExtension,
} from "./source.ts";

/** Configs in a folder. What exists there is looked up once. */
export class FileConfigSource implements ConfigSource {
  readonly provider: string;
  readonly path: string;
  readonly scheme: string = "file";
  readonly #folder: string;
  readonly #kinds = new Map<string, "folder" | "file" | undefined>();

  constructor(provider: string, path: string, folder = path) {
    this.provider = provider;
    this.path = path;
    this.#folder = folder;
  }

  available(): boolean {
    return this.isGroup("");
  }

  isGroup(path: string): boolean {
    return this.#kind(path) === "folder";
  }

  isConfig(path: string): boolean {
    return this.#kind(withExtension(path)) === "file";
  }

  list(path: string, kind: ObjectKind): string[] {
    const names = listEntries(this, path, readdirSync(resolve(this.#folder, path)), kind);
    const isListed = (name: string) => !isUnlisted(resolve(this.#folder, path, withExtension(name)));
    return kind === "config" ? names.filter(isListed) : names;
  }

  load(path: string): SourceConfig {
    const file = resolve(this.#folder, withExtension(path));
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
    } catch (cause) {
      const isEncoding = cause instanceof TypeError;
      throw new ConfigLoadError(isEncoding ? `Config is not UTF-8 text : ${file}` : `Config not found : ${file}`, {
        cause,
      });
    }
    const header = packageHeader(text);
    return { config: create(text, { file }), packageHeader: header, file };
  }

  #kind(path: string): "folder" | "file" | undefined {
    if (this.#kinds.has(path)) return this.#kinds.get(path);
    const kind = kindOf(resolve(this.#folder, path));
    this.#kinds.set(path, kind);
    return kind;
  }
}

/** A config that begins with `# @listed false` is for other configs' defaults lists, and not offered as a choice. */
function isUnlisted(file: string): boolean {
  try {
    return /^# @listed false$/m.test(readFileSync(file, "utf8").slice(0, 200));
  } catch {
    return false;
  }
}

function kindOf(path: string): "folder" | "file" | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isDirectory() ? "folder" : found?.isFile() ? "file" : undefined;
  } catch {
    // A path through a file (ENOTDIR), or one that cannot be a path at all.
    return undefined;
  }
}
