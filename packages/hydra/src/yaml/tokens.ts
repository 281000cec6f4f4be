import type { Mark } from "./errors.ts";

export type TokenKind =
  | "stream-end"
  | "directive"
  | "document-start"
  | "document-end"
  | "block-sequence-start"
  | "block-mapping-start"
  | "block-end"
  | "["
  | "]"
  | "{"
  | "}"
  | ","
  | "-"
  | "?"
  | ":"
  | "alias"
  | "anchor"
  | "tag"
  | "scalar";

export interface Token {
  readonly kind: TokenKind;
  readonly mark: Mark;
  /** Text of a scalar, name of an anchor or alias, suffix of a tag, prefix of a tag directive. */
  readonly text: string;
  /** Handle of a tag or of a tag directive. */
  readonly handle: string;
  readonly plain: boolean;
}
