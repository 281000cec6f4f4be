import type { Scalar } from "../yaml/scalars.ts";
import type { Node } from "./node.ts";

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
