import { OverrideFunctionError } from "./errors.ts";
import type { Glob, Parsed } from "./values.ts";

/** The names that a glob includes and does not exclude. */
export function globFilter(glob: Glob, names: readonly string[]): string[] {
  const include = glob.include.map(pattern);
  const exclude = glob.exclude.map(pattern);
  return names.filter((name) => include.some((p) => p().test(name)) && !exclude.some((p) => p().test(name)));
}

/** Compiled at first use, so that a pattern that is never needed is not looked at, as in Python. */
function pattern(source: Parsed): () => RegExp {
  let compiled: RegExp | undefined;
  return () => {
    if (typeof source !== "string") {
      throw new OverrideFunctionError("TypeError", "the patterns of a glob must be unquoted strings");
    }
    compiled ??= translate(source);
    return compiled;
  };
}

/** A shell pattern (`*`, `?`, `[a-z]`, `[!a-z]`) as a regular expression. */
function translate(glob: string): RegExp {
  let source = "";
  for (let i = 0; i < glob.length; ) {
    const c = glob[i++] as string;
    if (c === "*") source += ".*";
    else if (c === "?") source += ".";
    else if (c === "[") {
      const first = glob[i] === "!" ? i + 1 : i;
      const close = glob.indexOf("]", first + 1);
      if (close === -1) {
        source += "\\[";
        continue;
      }
      source += characterClass(glob.slice(i, close));
      i = close + 1;
    } else source += c.replace(/[\\^$.|+(){}\]]/, "\\$&");
  }
  return new RegExp(`^(?:${source})$`, "su");
}

function characterClass(body: string): string {
  const negated = body.startsWith("!");
  const members = negated ? body.slice(1) : body;
  let source = "";
  const characters = [...members];
  for (let i = 0; i < characters.length; i++) {
    const from = characters[i] as string;
    const to = characters[i + 1] === "-" ? characters[i + 2] : undefined;
    if (to === undefined) {
      source += escapeMember(from);
      continue;
    }
    // A range that runs backwards holds nothing.
    if (from <= to) source += `${escapeMember(from)}-${escapeMember(to)}`;
    i += 2;
  }
  if (source === "") return negated ? "." : "(?!)";
  return `[${negated ? "^" : ""}${source}]`;
}

function escapeMember(c: string): string {
  return /[\\\]^[-]/.test(c) ? `\\${c}` : c;
}
