import { didYouMean, nearestName } from "@classifier-training/base";
import { keyIdentity } from "../yaml/load.ts";
import { Float } from "../yaml/scalars.ts";
import {
  ConfigAttributeError,
  ConfigIndexError,
  ConfigTypeError,
  KeyValidationError,
  ReadonlyConfigError,
} from "./errors.ts";
import { entriesOf, isScalar, normalScalar, unknownKeyError, unsupportedValueError, wrongKindError } from "./inputs.ts";
import type { FieldType, StructType } from "./node.ts";
import { type Key, keyText, Node, ObjectNode, ResultNode, ValueNode } from "./node.ts";
import { currentOrigin, type Origin } from "./origin.ts";

export type Container = DictConfig | ListConfig;
/** What can be put into a configuration: nodes, scalars, arrays, maps and plain objects of them. */
export type Input = unknown;

abstract class BaseContainer extends Node {
  /** Results of cached resolvers, by resolver and arguments; of use on the root only. */
  cache: Map<string, Map<string, unknown>> | undefined;

  protected mustBeWritable(key?: Key): void {
    if (this.flag("readonly")) {
      throw new ReadonlyConfigError({
        what: "the configuration is read-only",
        fullKey: this.fullKey(key),
        origin: this.origin,
      });
    }
  }

  protected adopt(node: Node, key: Key): Node {
    node.parent = this;
    node.key = key;
    return node;
  }

  /** The node for a value that is set here: nodes are copied, other values wrapped. */
  protected nodeFor(value: Input, type: FieldType | undefined, key: Key): Node {
    if (value instanceof Node) {
      const isResult = value instanceof ResultNode && !(value instanceof ObjectNode);
      return this.adopt(isResult ? wrap(value.value, type, this, key) : typed(value, type, this, key), key);
    }
    return this.adopt(wrap(value, type, this, key), key);
  }
}

/** A mapping of a configuration. Nodes are reached by {@link node}; values, resolved, by `get` and `select`. */
export class DictConfig extends BaseContainer {
  readonly content = new Map<unknown, Node>();
  /** The fields that a schema gives it. */
  struct: StructType | undefined;
  /** The type that a schema gives to each of its values. */
  elementType: FieldType | undefined;

  get size(): number {
    return this.content.size;
  }

  *keys(): IterableIterator<Key> {
    for (const node of this.content.values()) yield node.key as Key;
  }

  nodes(): IterableIterator<Node> {
    return this.content.values();
  }

  node(key: Key): Node | undefined {
    return this.content.get(keyIdentity(key));
  }

  /** Whether a key is there, with whatever value. */
  has(key: Key): boolean {
    return this.content.has(keyIdentity(key));
  }

  /** Whether a key that is not there is an error. */
  get isClosed(): boolean {
    if (this.struct !== undefined && !this.struct.open) return this.nodeFlag("struct") !== false;
    return this.flag("struct") === true;
  }

  /** @throws ConfigAttributeError for a key that a struct or a schema does not have */
  mustAllow(key: Key): void {
    if (!this.has(key) && this.isClosed) throw this.unknownKey(key, currentOrigin() ?? this.origin);
  }

  /** @throws ConfigAttributeError for a key that a closed schema does not have */
  mustBeField(key: Key, node: Node): void {
    const closed = this.struct !== undefined && !this.struct.open && this.nodeFlag("struct") !== false;
    if (closed && !this.struct?.fields.has(keyText(key))) throw this.unknownKey(key, node.origin);
  }

  private unknownKey(key: Key, origin: Origin | undefined): ConfigAttributeError {
    const keys = this.struct === undefined ? [...this.keys()] : [...this.struct.fields.keys()];
    return unknownKeyError(key, keys, { fullKey: this.fullKey(key), origin, struct: this.struct?.name });
  }

  /** @throws ReadonlyConfigError, ConfigAttributeError, ValidationError, GrammarParseError */
  set(key: Key, value: Input): void {
    this.mustBeKey(key);
    const old = this.node(key);
    this.mustBeWritable(key);
    if (old !== undefined && old === value) return;
    this.mustAllow(key);
    if (old instanceof ValueNode && !(value instanceof Node) && isScalar(value)) {
      old.setValue(normalScalar(value));
      return;
    }
    this.put(key, value);
  }

  /** Sets a key without asking the flags. */
  put(key: Key, value: Input): Node {
    const old = this.node(key);
    const node = this.nodeFor(value, this.typeOf(key), old?.key ?? key);
    node.replaces(old);
    this.content.set(keyIdentity(key), node);
    return node;
  }

  /** The type that a schema gives to a key. */
  typeOf(key: Key): FieldType | undefined {
    return (typeof key === "string" ? this.struct?.fields.get(key) : undefined) ?? this.elementType;
  }

  /** Puts a node that is nobody else's, as it is. */
  attach(key: Key, node: Node): void {
    this.mustBeKey(key);
    this.content.set(keyIdentity(key), this.adopt(node, key));
  }

  /** @throws ReadonlyConfigError, ConfigTypeError in a struct, ConfigAttributeError for a key that is not there */
  delete(key: Key): void {
    this.mustBeWritable(key);
    if (this.isClosed) {
      throw new ConfigTypeError({ what: "a key of a struct cannot be deleted", fullKey: this.fullKey(key) });
    }
    if (this.content.delete(keyIdentity(key))) return;
    throw new ConfigAttributeError({
      what: `the key '${keyText(key)}' is not there`,
      fullKey: this.fullKey(key),
      fix: didYouMean(nearestName(keyText(key), [...this.keys()].map(keyText))),
    });
  }

  private mustBeKey(key: unknown): void {
    const fine = typeof key !== "object" ? isScalar(key) : key instanceof Float || key instanceof Uint8Array;
    if (fine) return;
    throw new KeyValidationError({
      what: `${String(key)} cannot be a key`,
      fullKey: this.fullKey(),
      origin: this.origin,
    });
  }

  copy(): DictConfig {
    const copy = new DictConfig();
    this.copyInto(copy);
    copy.struct = this.struct;
    copy.elementType = this.elementType;
    copy.cache = this.cache && new Map([...this.cache].map(([name, results]) => [name, new Map(results)]));
    for (const [id, node] of this.content) {
      const child = node.copy();
      child.parent = copy;
      copy.content.set(id, child);
    }
    return copy;
  }
}

/** A list of a configuration. */
export class ListConfig extends BaseContainer {
  content: Node[] = [];
  elementType: FieldType | undefined;
  override readonly isSequence = true;

  get size(): number {
    return this.content.length;
  }

  nodes(): IterableIterator<Node> {
    return this.content.values();
  }

  /** The node at an index, from the end when negative. */
  node(index: number): Node | undefined {
    return this.content[index < 0 ? index + this.content.length : index];
  }

  /** @throws ReadonlyConfigError, ConfigIndexError, ValidationError, GrammarParseError */
  set(index: number, value: Input): void {
    this.mustBeWritable(index);
    const place = index < 0 ? index + this.content.length : index;
    const old = this.content[place];
    if (old === undefined) {
      throw new ConfigIndexError({
        what: `the list has no item ${index}: it has ${this.content.length}`,
        fullKey: this.fullKey(index),
        origin: this.origin,
      });
    }
    if (old === value) return;
    if (old instanceof ValueNode && !(value instanceof Node) && isScalar(value)) old.setValue(normalScalar(value));
    else {
      const node = this.nodeFor(value, this.elementType, place);
      node.replaces(old);
      this.content[place] = node;
    }
  }

  append(value: Input): void {
    this.insert(this.content.length, value);
  }

  insert(index: number, value: Input): void {
    this.mustBeWritable(index);
    this.content.splice(index, 0, this.nodeFor(value, this.elementType, index));
    this.renumber();
  }

  /** Removes the item at an index. */
  delete(index: number): void {
    this.mustBeWritable(index);
    this.content.splice(index, 1);
    this.renumber();
  }

  /** Puts a node that is nobody else's in the place of an item, as it is. */
  replaceAt(index: number, node: Node): void {
    this.content[index] = this.adopt(node, index);
  }

  /** Puts a node that is nobody else's at the end, as it is. */
  attach(node: Node): void {
    this.content.push(this.adopt(node, this.content.length));
  }

  private renumber(): void {
    this.content.forEach((node, index) => {
      node.key = index;
    });
  }

  copy(): ListConfig {
    const copy = new ListConfig();
    this.copyInto(copy);
    copy.elementType = this.elementType;
    copy.cache = this.cache && new Map(this.cache);
    copy.content = this.content.map((node) => {
      const child = node.copy();
      child.parent = copy;
      return child;
    });
    return copy;
  }
}

export function isConfig(value: unknown): value is Container {
  return value instanceof DictConfig || value instanceof ListConfig;
}

/** A copy of a node that has the type which its new place requires. */
function typed(node: Node, type: FieldType | undefined, parent: Node, key: Key): Node {
  if (type === undefined || type.accepts === "any") return node.copy();
  if (node instanceof ValueNode) {
    const copy = new ValueNode(node.value, type, parent, key);
    copy.origin = node.origin;
    copy.replaced = node.replaced;
    return copy;
  }
  const copy = node.copy();
  copy.parent = parent;
  copy.key = key;
  const kind = copy instanceof ListConfig ? "list" : "dict";
  if (!isConfig(copy) || type.accepts === kind) retype(copy, type);
  else throw wrongKindError(kind, type, copy);
  return copy;
}

/** Gives the children of a container the types that its own type has for them. */
function retype(node: Node, type: FieldType): void {
  if (!isConfig(node)) return;
  if (node instanceof DictConfig && type.struct !== undefined) node.struct = type.struct;
  if (type.element !== undefined) node.elementType = type.element;
  for (const child of [...node.nodes()]) {
    const key = child.key as Key;
    const childType = node instanceof DictConfig ? node.typeOf(key) : node.elementType;
    if (node instanceof DictConfig && childType === undefined) node.mustBeField(key, child);
    const next = typed(child, childType, node, key);
    if (node instanceof DictConfig) node.attach(key, next);
    else node.replaceAt(key as number, next);
  }
}

/**
 * A node for a value; `parent` and `key` say where, in errors. Other objects (functions, instances) are
 * refused unless `objects` is set.
 */
export function wrap(value: Input, type?: FieldType, parent?: Node, key?: Key, objects = false): Node {
  if (isScalar(value)) return new ValueNode(normalScalar(value), type, parent, key);
  const isList = Array.isArray(value);
  if (type !== undefined && type.accepts !== "any" && type.accepts !== (isList ? "list" : "dict")) {
    const place = new ObjectNode(value, parent, key);
    throw wrongKindError(isList ? "list" : "dict", type, place);
  }
  if (isList) {
    const list = new ListConfig();
    list.parent = parent;
    list.key = key;
    list.elementType = type?.element;
    for (const item of value)
      list.attach(item instanceof Node ? item.copy() : wrap(item, type?.element, list, list.size, objects));
    return list;
  }
  const entries = entriesOf(value);
  if (entries === undefined && objects) return new ObjectNode(value, parent, key);
  if (entries === undefined) {
    throw unsupportedValueError(value, parent?.fullKey(key));
  }
  const dict = new DictConfig();
  dict.parent = parent;
  dict.key = key;
  dict.struct = type?.struct;
  dict.elementType = type?.element;
  for (const [childKey, item] of entries) {
    if (item === undefined) continue;
    const childType = dict.typeOf(childKey);
    dict.attach(childKey, item instanceof Node ? item.copy() : wrap(item, childType, dict, childKey, objects));
  }
  return dict;
}
