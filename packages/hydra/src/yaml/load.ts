import { type Mark, YamlError } from "./errors.ts";
import { parseYaml } from "./parser.ts";
import { readScalar, resolvePlain, type ScalarTag } from "./resolve.ts";
import { Float, type Scalar } from "./scalars.ts";
import type { YamlMapping, YamlNode, YamlScalar } from "./tree.ts";

/** A typed value of a YAML text, with its place. Aliased values are the same object. */
export type Loaded = LoadedScalar | LoadedList | LoadedMap;

interface LoadedScalar {
  readonly kind: "scalar";
  readonly value: Scalar;
  readonly mark: Mark;
}

interface LoadedList {
  readonly kind: "list";
  readonly items: readonly Loaded[];
  readonly mark: Mark;
}

interface LoadedMap {
  readonly kind: "map";
  readonly entries: readonly LoadedEntry[];
  readonly mark: Mark;
}

interface LoadedEntry {
  readonly key: Scalar;
  readonly value: Loaded;
  readonly mark: Mark;
}

/** What equal keys have in common, as Python compares them: 1, 1.0 and true are one key. */
export function keyIdentity(key: Scalar): string | number | bigint | null {
  if (key instanceof Float) return key.value;
  if (key instanceof Uint8Array) return `bytes:${Buffer.from(key).toString("base64")}`;
  return typeof key === "boolean" ? Number(key) : key;
}

const standard = "tag:yaml.org,2002:";
/** Aliases may not blow a document up beyond this many nodes: the "billion laughs" attack. */
const mostExpandedNodes = 10_000;

class Loader {
  private readonly file: string | undefined;
  private readonly done = new Map<YamlNode, Loaded>();
  private readonly open = new Set<YamlNode>();
  private readonly sizes = new Map<YamlNode, number>();
  private aliased = false;

  constructor(file: string | undefined) {
    this.file = file;
  }

  load(root: YamlNode): Loaded {
    const expanded = this.size(root);
    if (this.aliased && expanded > mostExpandedNodes) {
      throw this.fail(`aliases expand the document to more than ${mostExpandedNodes} values`, root.mark);
    }
    return this.value(root);
  }

  private fail(what: string, mark: Mark, fix?: string): YamlError {
    return new YamlError(what, mark, this.file, fix);
  }

  private size(node: YamlNode): number {
    const known = this.sizes.get(node);
    if (known !== undefined) {
      if (known === 0) throw this.fail("an alias stands within the value that it names", node.mark);
      this.aliased = true;
      return known;
    }
    if (node.kind === "scalar") {
      this.sizes.set(node, 1);
      return 1;
    }
    this.sizes.set(node, 0);
    let size = 1;
    if (node.kind === "sequence") for (const item of node.items) size += this.size(item);
    else for (const [key, value] of node.pairs) size += this.size(key) + this.size(value);
    this.sizes.set(node, size);
    return size;
  }

  private value(node: YamlNode): Loaded {
    const known = this.done.get(node);
    if (known !== undefined) return known;
    const value = this.construct(node);
    this.done.set(node, value);
    return value;
  }

  private construct(node: YamlNode): Loaded {
    if (node.kind === "scalar") return { kind: "scalar", value: this.scalar(node), mark: node.mark };
    const type = node.kind === "sequence" ? "seq" : "map";
    if (node.kind === "sequence" && (node.tag === `${standard}omap` || node.tag === `${standard}pairs`)) {
      return { kind: "list", items: node.items.map((item) => this.pair(item)), mark: node.mark };
    }
    if (node.tag !== undefined && node.tag !== standard + type) {
      throw this.fail(`cannot read a ${node.kind} with the tag '${node.tag}'`, node.mark);
    }
    if (node.kind === "sequence") {
      return { kind: "list", items: node.items.map((item) => this.value(item)), mark: node.mark };
    }
    return { kind: "map", entries: this.entries(node), mark: node.mark };
  }

  /** An item of an `!!omap` or `!!pairs`: a mapping of one key, read as a list of key and value. */
  private pair(item: YamlNode): LoadedList {
    const [only, ...more] = item.kind === "mapping" ? item.pairs : [];
    if (only === undefined || more.length > 0) throw this.fail("expected a mapping of a single key", item.mark);
    return { kind: "list", items: only.map((part) => this.value(part)), mark: item.mark };
  }

  private scalar(node: YamlScalar): Scalar {
    if (node.tag === `${standard}binary`) return this.binary(node);
    const tag = this.tagOf(node);
    if (tag === undefined || tag === "merge" || tag === "value" || tag === "timestamp") {
      throw this.fail(`cannot read '${node.text}' as ${node.tag ?? `a ${tag}`}`, node.mark, "quote the value");
    }
    const value = readScalar(node.text, tag);
    if (value === undefined) throw this.fail(`'${node.text}' is not a valid ${tag}`, node.mark);
    return value;
  }

  private tagOf(node: YamlScalar): ScalarTag | undefined {
    if (node.plain) return resolvePlain(node.text, true);
    if (node.tag === undefined) return "str";
    const name = node.tag.startsWith(standard) ? node.tag.slice(standard.length) : "";
    return scalarTags.has(name) ? (name as ScalarTag) : undefined;
  }

  private binary(node: YamlScalar): Uint8Array {
    const text = node.text.replace(/\s/g, "");
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
      throw this.fail("a !!binary value is not base64", node.mark);
    }
    return new Uint8Array(Buffer.from(text, "base64"));
  }

  private entries(node: YamlMapping): LoadedEntry[] {
    const entries = new Map<unknown, LoadedEntry>();
    for (const [keyNode, valueNode] of this.flatten(node)) {
      if (keyNode.kind !== "scalar") throw this.fail("a list or a mapping cannot be a key", keyNode.mark);
      const key = this.tagOf(keyNode) === "value" ? keyNode.text : this.scalar(keyNode);
      const id = keyIdentity(key);
      const first = entries.get(id);
      entries.set(id, { key: first?.key ?? key, value: this.value(valueNode), mark: keyNode.mark });
    }
    return [...entries.values()];
  }

  /** The pairs of a mapping with those of its merge keys (`<<`) before them. */
  private flatten(node: YamlMapping): YamlMapping["pairs"] {
    if (this.open.has(node)) throw this.fail("a mapping cannot be merged into itself", node.mark);
    const explicit = new Set<string>();
    let merges = false;
    for (const [key] of node.pairs) {
      const tag = key.kind === "scalar" ? this.tagOf(key) : undefined;
      if (tag === "merge") merges = true;
      if (tag !== "str" || key.kind !== "scalar") continue;
      if (explicit.has(key.text)) {
        throw this.fail(`the key '${key.text}' is given twice`, key.mark, "remove one of the two, or rename it");
      }
      explicit.add(key.text);
    }
    if (!merges) return node.pairs;
    this.open.add(node);
    const merged: YamlMapping["pairs"] = [];
    const own: YamlMapping["pairs"] = [];
    for (const pair of node.pairs) {
      const [key, value] = pair;
      if (key.kind !== "scalar" || this.tagOf(key) !== "merge") own.push(pair);
      else merged.push(...this.merged(value));
    }
    this.open.delete(node);
    const kept = merged.filter(
      ([key]) => key.kind !== "scalar" || this.tagOf(key) !== "str" || !explicit.has(key.text),
    );
    return [...kept, ...own];
  }

  private merged(value: YamlNode): YamlMapping["pairs"] {
    if (value.kind === "mapping") return this.flatten(value);
    if (value.kind === "sequence") {
      const parts = value.items.map((item) => {
        if (item.kind === "mapping") return this.flatten(item);
        throw this.fail("'<<' can only merge mappings", item.mark);
      });
      return parts.reverse().flat();
    }
    throw this.fail("'<<' can only merge a mapping or a list of mappings", value.mark);
  }
}

const scalarTags = new Set(["bool", "float", "int", "merge", "null", "timestamp", "value", "str"]);

/**
 * Loads a YAML text as OmegaConf's loader does: YAML 1.1 types, exponents without a point are floats, no dates,
 * duplicate keys refused. Undefined for a text without a document.
 * @throws YamlError with file, line and column
 */
export function loadYaml(text: string, file?: string): Loaded | undefined {
  const root = parseYaml(text, file);
  return root === undefined ? undefined : new Loader(file).load(root);
}
