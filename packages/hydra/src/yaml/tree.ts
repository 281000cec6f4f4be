import type { Mark } from "./errors.ts";

/** What a YAML text says, before its scalars are given types. */
export type YamlNode = YamlScalar | YamlSequence | YamlMapping;

export interface YamlScalar {
  readonly kind: "scalar";
  readonly tag: string | undefined;
  readonly text: string;
  /** Whether its type follows from its text (plain, or tagged `!`). */
  readonly plain: boolean;
  readonly mark: Mark;
}

interface YamlSequence {
  readonly kind: "sequence";
  readonly tag: string | undefined;
  readonly items: YamlNode[];
  readonly mark: Mark;
}

export interface YamlMapping {
  readonly kind: "mapping";
  readonly tag: string | undefined;
  readonly pairs: (readonly [key: YamlNode, value: YamlNode])[];
  readonly mark: Mark;
}
