/** What an interpolated string is made of. */
export type TextPart = string | Interpolation;

/** `${a.b}` or `${name:args}`. */
export type Interpolation = NodeReference | ResolverCall;

interface NodeReference {
  readonly kind: "node";
  /** The parts of the path, dots and brackets included, in order. */
  readonly parts: readonly TextPart[];
  /** Its text, `${` and `}` included. */
  readonly source: string;
}

export interface ResolverCall {
  readonly kind: "resolver";
  readonly name: readonly TextPart[];
  readonly args: readonly Argument[];
  readonly source: string;
}

export interface Argument {
  readonly element: Element;
  readonly source: string;
}

export type Element =
  | { readonly kind: "value"; readonly value: null | boolean | number | bigint | string | object }
  | { readonly kind: "text"; readonly parts: readonly TextPart[]; readonly quoted: boolean }
  | { readonly kind: "list"; readonly items: readonly Element[] }
  | { readonly kind: "dict"; readonly entries: readonly { readonly key: Element; readonly value: Element }[] };
