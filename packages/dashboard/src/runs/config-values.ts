/** A key or an item that later lines stand below. */
interface Part {
  readonly indent: number;
  /** Of the keys below it, with the dot. */
  readonly prefix: string;
  readonly isItem: boolean;
  /** Seen so far. */
  items: number;
}

/** Longer lists and texts are cut where they are shown. */
const maxValues = 2000;

/**
 * The leaves of a composed configuration by dotted key, as text: of YAML in block style, as a run writes it. Of other YAML
 * some values are missing: the whole text is shown beside them. Many times as fast as a parser of all YAML, which matters
 * for a list of thousands of runs.
 */
export function configValues(text: string): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  const path: Part[] = [];
  let count = 0;
  for (const line of text.split("\n")) {
    const content = line.trimStart();
    if (content === "" || content.startsWith("#") || content === "---") continue;
    if (count >= maxValues) break;
    let indent = line.length - content.length;
    let rest = content;
    // A list may stand at the indent of its key.
    while (path.length > 0 && above(path, indent, rest.startsWith("- "))) path.pop();
    while (rest.startsWith("- ") || rest === "-") {
      const list = path.at(-1);
      if (list === undefined) break;
      path.push({ indent, prefix: `${list.prefix}${list.items++}.`, isItem: true, items: 0 });
      const inner = rest.slice(1).trimStart();
      indent += rest.length - inner.length;
      rest = inner;
    }
    const [, quoted, plain, value = ""] = /^(?:'((?:[^']|'')*)'|([^\s'"{[][^:]*)):(?:\s+(.*))?$/.exec(rest) ?? [];
    const name = quoted ?? plain;
    const prefix = path.at(-1)?.prefix ?? "";
    if (name === undefined) {
      // An item of a list, or one more line of a long text.
      const key = prefix.slice(0, -1);
      if (rest !== "") values[key] = key in values ? `${values[key]} ${rest}` : scalar(rest);
      count++;
      continue;
    }
    if (value === "") path.push({ indent, prefix: `${prefix}${name}.`, isItem: false, items: 0 });
    else {
      values[`${prefix}${name}`] = scalar(value);
      count++;
    }
  }
  return values;
}

/** Whether the innermost part ends before a line. */
function above(path: readonly Part[], indent: number, isItem: boolean): boolean {
  const last = path.at(-1) as Part;
  return isItem && !last.isItem ? last.indent > indent : last.indent >= indent;
}

function scalar(text: string): string {
  if (/^'.*'$/.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  return /^".*"$/.test(text) ? text.slice(1, -1) : text;
}
