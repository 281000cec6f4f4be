/** Columns of a document. */
const width = 80;

/** Text in lines of 80 columns; those after the first are indented. A longer word has a line of its own. */
export function wrapped(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

/** A table whose columns are as wide as their widest cell; columns of numbers are set to the right. */
export function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = [columns, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = columns.map((_, i) => Math.max(3, ...escaped.map((row) => [...(row[i] ?? "")].length)));
  const isNumeric = columns.map((_, i) => rows.every((row) => /^[\d.%]*$/.test(row[i] ?? "")));
  const line = (row: readonly string[]) => {
    const cells = row.map((cell, i) => {
      const space = " ".repeat(Math.max(0, (widths[i] as number) - [...cell].length));
      return isNumeric[i] ? `${space}${cell}` : `${cell}${space}`;
    });
    return `| ${cells.join(" | ")} |`;
  };
  const rule = widths.map((size, i) => (isNumeric[i] ? `${"-".repeat(size - 1)}:` : "-".repeat(size)));
  const [head = [], ...body] = escaped;
  return [line(head), `| ${rule.join(" | ")} |`, ...body.map(line)].join("\n");
}
