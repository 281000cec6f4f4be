import { floatRepr } from "@classifier-training/base";
import type { Float, Scalar } from "../yaml/scalars.ts";
import { ReadonlyConfigError } from "./errors.ts";
import { checkInterpolation } from "./interpolation/parse.ts";
import { currentOrigin, type Origin } from "./origin.ts";

/** A key of a mapping. */
export type Key = string | number | bigint | boolean | Float | Uint8Array;

export type FlagName = "readonly" | "struct";

export const missing = "???";

/** Whether a value is a string that holds an interpolation, escaped ones included. */
export function isInterpolationText(value: unknown): value is string {
  return typeof value === "string" && value.includes("${");
}

/** Python's `str(key)`. */
export function keyText(key: Key): string {
  if (typeof key === "string") return key;
  if (typeof key === "boolean") return key ? "True" : "False";
  if (typeof key === "number") return Number.isInteger(key) ? String(key) : floatRepr(key);
  return key instanceof Uint8Array ? Buffer.from(key).toString("latin1") : key.toString();
}

/** The type that a schema gives to a value. */
export interface FieldType {
  /** As a message names it: `int`, `Optional[str]`, `one of 'sgd', 'adam'`. */
  readonly name: string;
  readonly optional: boolean;
  /** The fields, when a mapping with fixed keys is expected. */
  readonly struct?: StructType | undefined;
  /** The type of the items of a list or of the values of a mapping with free keys. */
  readonly element?: FieldType | undefined;
  /** What kinds of node may stand here. */
  readonly accepts: "scalar" | "list" | "dict" | "any";
  /**
   * The value as this type has it: `"10"` becomes 10 for an int.
   * @throws ValidationError naming the key, the value and the type
   */
  convert(value: Scalar, at: Node): Scalar;
}

/** A mapping with fixed keys. */
export interface StructType {
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldType>;
  /** Keys beyond the fields are accepted. */
  readonly open: boolean;
}

/** One value in the tree of a configuration. It knows its parent, its key and where it comes from. */
export abstract class Node {
  parent: Node | undefined;
  key: Key | undefined;
  origin: Origin | undefined = currentOrigin();
  /** The origins of the values that this one replaced, oldest first. */
  replaced: readonly Origin[] | undefined;
  private ownFlags: Map<FlagName, boolean> | undefined;

  /** A copy of it and of what is below; it keeps the parent. */
  abstract copy(): Node;
  /** Whether its children are addressed by index. */
  readonly isSequence: boolean = false;

  /** The flag as set on this very node. */
  nodeFlag(name: FlagName): boolean | undefined {
    return this.ownFlags?.get(name);
  }

  /** The flag as set here or on the nearest parent that sets it. */
  flag(name: FlagName): boolean | undefined {
    for (let node: Node | undefined = this; node !== undefined; node = node.parent) {
      const value = node.ownFlags?.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Sets a flag; undefined makes it inherited again. */
  setFlag(name: FlagName, value: boolean | undefined): void {
    if (value === undefined) this.ownFlags?.delete(name);
    else {
      this.ownFlags ??= new Map();
      this.ownFlags.set(name, value);
    }
  }

  /** Sets the flags that `other` itself sets. */
  takeFlags(other: Node): void {
    if (other.ownFlags === undefined) return;
    for (const [name, value] of other.ownFlags) this.setFlag(name, value);
  }

  get root(): Node {
    let node: Node = this;
    while (node.parent !== undefined) node = node.parent;
    return node;
  }

  /** Path from the root: `a.b[0].c`; that of a child with `key`. */
  fullKey(key?: Key): string {
    let text = "";
    let sequence = false;
    const prepend = (part: Key, inSequence: boolean) => {
      const next = text === "" || sequence ? "" : ".";
      text = inSequence ? `[${keyText(part)}]${next}${text}` : `${keyText(part)}${next}${text}`;
      sequence = inSequence;
    };
    if (key !== undefined) prepend(key, this.isSequence);
    for (let node: Node | undefined = this; node !== undefined; node = node.parent) {
      if (node.key !== undefined) prepend(node.key, node.parent?.isSequence ?? false);
    }
    return text;
  }

  protected copyInto(copy: Node): void {
    copy.parent = this.parent;
    copy.key = this.key;
    copy.origin = this.origin;
    copy.replaced = this.replaced;
    if (this.ownFlags !== undefined) copy.ownFlags = new Map(this.ownFlags);
  }

  /** Remembers that it stands where `old` stood. */
  replaces(old: Node | undefined): void {
    if (old === undefined || old === this) return;
    const earlier = old.replaced ?? [];
    const all = old.origin === undefined ? earlier : [...earlier, old.origin];
    if (all.length > 0) this.replaced = all;
  }
}

/** A leaf: null, bool, int, float, string or bytes; or an interpolation, or a missing value. */
export class ValueNode extends Node {
  value: Scalar;
  /** The type that a schema gives it. */
  readonly type: FieldType | undefined;

  /** @throws GrammarParseError, ValidationError; `parent` and `key` say where */
  constructor(value: Scalar, type?: FieldType, parent?: Node, key?: Key, origin?: Origin) {
    super();
    if (origin !== undefined) this.origin = origin;
    this.type = type;
    this.parent = parent;
    this.key = key;
    this.value = this.accepted(value);
  }

  private accepted(value: Scalar): Scalar {
    if (value === missing) return value;
    if (!isInterpolationText(value)) return this.type === undefined ? value : this.type.convert(value, this);
    checkInterpolation(value, this);
    return value;
  }

  get isMissing(): boolean {
    return this.value === missing;
  }

  get isInterpolation(): boolean {
    return isInterpolationText(this.value);
  }

  /** @throws ReadonlyConfigError, GrammarParseError, ValidationError */
  setValue(value: Scalar): void {
    if (this.flag("readonly")) {
      throw new ReadonlyConfigError({ what: "the configuration is read-only", fullKey: this.fullKey() });
    }
    this.value = this.accepted(value);
    const origin = currentOrigin();
    if (origin === undefined) return;
    this.replaces(this.copy());
    this.origin = origin;
  }

  copy(): ValueNode {
    const copy = Object.create(ValueNode.prototype) as { -readonly [K in keyof ValueNode]: ValueNode[K] };
    this.copyInto(copy as ValueNode);
    copy.value = this.value;
    copy.type = this.type;
    return copy as ValueNode;
  }
}

/** What a resolver made: any value, outside of the tree but with a place in it. */
export class ResultNode extends Node {
  readonly value: unknown;

  constructor(value: unknown, parent: Node | undefined, key: Key | undefined) {
    super();
    this.value = value;
    this.parent = parent;
    this.key = key;
  }

  copy(): ResultNode {
    return new ResultNode(this.value, this.parent, this.key);
  }
}

/** Holds an object that is not a configuration's: what `instantiate` made, or was given. It is handed out untouched. */
export class ObjectNode extends ResultNode {
  override copy(): ObjectNode {
    return new ObjectNode(this.value, this.parent, this.key);
  }
}

/** The node's value itself: that of a leaf or of a resolver's result; a container stands for itself. */
export function nodeValue(node: Node): unknown {
  return node instanceof ValueNode || node instanceof ResultNode ? node.value : node;
}

export function isMissingNode(node: Node): boolean {
  return nodeValue(node) === "???";
}

/** A node's value, a container as itself, any other value as it is. */
export function rawValue(value: unknown): unknown {
  return value instanceof Node ? nodeValue(value) : value;
}
