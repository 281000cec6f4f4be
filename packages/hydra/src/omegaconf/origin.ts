/** Where a value of a configuration comes from. */
export interface Origin {
  readonly kind: "file" | "override" | "schema" | "default" | "code";
  /** The file's name, the override's text, the schema's name. */
  readonly source: string;
  /** Line and column in a file, counted from 1. */
  readonly line?: number;
  readonly column?: number;
}

export function originText({ kind, source, line }: Origin): string {
  if (kind === "file") return line === undefined ? source : `${source}:${line}`;
  return `${kind} ${source}`;
}

let ambient: Origin | undefined;

/** Runs `action`; the nodes that it makes or sets, and that have no place in a file, get this origin. */
export function withOrigin<T>(origin: Origin | undefined, action: () => T): T {
  const before = ambient;
  ambient = origin;
  try {
    return action();
  } finally {
    ambient = before;
  }
}

export function currentOrigin(): Origin | undefined {
  return ambient;
}
