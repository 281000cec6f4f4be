import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** A fenced block of code in the documentation. */
export interface CodeBlock {
  /** `README.md`, `resume.md`, ... */
  readonly document: string;
  readonly language: string;
  readonly code: string;
}

export const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** In the order in which a newcomer reads: the README first. */
export function documents(): { readonly name: string; readonly text: string }[] {
  const pages = readdirSync(`${repository}docs`).filter((name) => name.endsWith(".md"));
  return [`${repository}README.md`, ...pages.sort().map((name) => `${repository}docs/${name}`)].map((path) => ({
    name: basename(path),
    text: readFileSync(path, "utf8"),
  }));
}

/** What is written for contributors, and of single packages. */
export function furtherDocuments(): { readonly name: string; readonly text: string }[] {
  const packages = readdirSync(`${repository}packages`).map((name) => `packages/${name}/README.md`);
  return ["CONTRIBUTING.md", ...packages].map((name) => ({ name, text: readFileSync(`${repository}${name}`, "utf8") }));
}

export function codeBlocks(language: string): CodeBlock[] {
  return documents().flatMap(({ name, text }) =>
    [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)]
      .filter(([, given]) => given === language)
      .map(([, , code = ""]) => ({ document: name, language, code })),
  );
}

/** The commands of a shell block, comments removed; a line that ends with a backslash continues. */
export function commandLines(code: string): string[] {
  return code
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** `classifier ...` in running text and tables, as written. */
export function inlineCommands(text: string): string[] {
  return [...text.replaceAll(/^```.*?^```/gms, "").matchAll(/`(?:npx )?(classifier [a-z][^`]*)`/g)].map(
    ([, command = ""]) => command,
  );
}

/** `key=value` in running text and tables: overrides of a training. */
export function inlineOverrides(text: string): string[] {
  return [...text.replaceAll(/^```.*?^```/gms, "").matchAll(/`(\+?[a-z_.]+=[\w.]+)`/g)].map(
    ([, override = ""]) => override,
  );
}

/** Few lists that hold every override once, and none a key twice. */
export function withoutConflicts(overrides: readonly string[]): string[][] {
  const lists: Map<string, string>[] = [];
  for (const override of new Set(overrides)) {
    const key = override.slice(0, override.indexOf("="));
    const list = lists.find((candidate) => !candidate.has(key));
    if (list === undefined) lists.push(new Map([[key, override]]));
    else list.set(key, override);
  }
  return lists.map((list) => [...list.values()]);
}
