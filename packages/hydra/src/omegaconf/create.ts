import { readFileSync } from "node:fs";
import { type Loaded, loadYaml } from "../yaml/load.ts";
import { type Container, DictConfig, isConfig, ListConfig, wrap } from "./containers.ts";
import { ConfigError, ConfigTypeError, KeyValidationError } from "./errors.ts";
import { type Key, type Node, ValueNode } from "./node.ts";
import { currentOrigin, type Origin } from "./origin.ts";

export interface CreateOptions {
  /** The file that the YAML text comes from: for messages and for `explain`. */
  readonly file?: string | undefined;
  /** Where interpolations start from that look beyond the new configuration. */
  readonly parent?: Container | undefined;
}

/**
 * Makes a configuration of a YAML text, of plain objects, arrays and maps, or of another configuration (a copy).
 * An empty text makes an empty mapping; a text that is one string makes a mapping with that key and null.
 * @throws YamlError, GrammarParseError for a malformed interpolation, ConfigError
 */
export function create(source: unknown = {}, options: CreateOptions = {}): Container {
  const config = typeof source === "string" ? fromYaml(source, options.file) : fromValue(source);
  config.parent = options.parent;
  return config;
}

/** Like {@link create}, for what must be a mapping. */
export function createDict(source: unknown = {}, options: CreateOptions = {}): DictConfig {
  const config = create(source, options);
  if (config instanceof DictConfig) return config;
  throw new ConfigTypeError({ what: "expected a mapping, received a list", origin: config.origin });
}

/** Loads a YAML file. */
export function load(file: string): Container {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError({ what: `cannot read the configuration file '${file}'`, fix: "check the path", cause });
  }
  return create(text, { file });
}

function fromValue(value: unknown): Container {
  if (isConfig(value)) {
    const copy = value.copy();
    copy.key = undefined;
    return copy;
  }
  const node = wrap(value);
  if (isConfig(node)) return node;
  throw new ConfigTypeError({ what: `a configuration cannot be made of ${JSON.stringify(value)}` });
}

function fromYaml(text: string, file: string | undefined): Container {
  const loaded = loadYaml(text, file);
  if (loaded === undefined) return new DictConfig();
  if (loaded.kind !== "scalar") return fromLoaded(loaded, file) as Container;
  if (loaded.value === null) return new DictConfig();
  if (typeof loaded.value === "string") return fromValue({ [loaded.value]: null });
  throw new ConfigTypeError({ what: "expected a mapping or a list as configuration", origin: place(loaded, file) });
}

function place(loaded: Loaded, file: string | undefined): Origin | undefined {
  if (file === undefined) return currentOrigin();
  return { kind: "file", source: file, line: loaded.mark.line + 1, column: loaded.mark.column + 1 };
}

/** Makes nodes of what a YAML text says. */
export function fromLoaded(loaded: Loaded, file?: string, parent?: Node, key?: Key): Node {
  if (loaded.kind === "scalar") {
    return new ValueNode(loaded.value, undefined, parent, key, place(loaded, file));
  }
  const node = loaded.kind === "list" ? new ListConfig() : new DictConfig();
  node.parent = parent;
  node.key = key;
  node.origin = place(loaded, file);
  if (loaded.kind === "list") {
    for (const item of loaded.items)
      (node as ListConfig).attach(fromLoaded(item, file, node, (node as ListConfig).size));
    return node;
  }
  for (const entry of loaded.entries) {
    if (entry.key === null) {
      throw new KeyValidationError({
        what: "null cannot be a key",
        fullKey: node.fullKey(),
        origin: place(entry.value, file),
        fix: "quote the key, or give it a name",
      });
    }
    (node as DictConfig).attach(entry.key, fromLoaded(entry.value, file, node, entry.key));
  }
  return node;
}
