/** One logged row: names to numbers (or text); a missing name is an empty cell. */
export type MetricsRow = Readonly<Record<string, number | string>>;

/** A number as Python's csv module writes it, so that the same readers parse both. */
export function formatCell(value: number | string | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return quote(value);
  if (Number.isNaN(value)) return "nan";
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  return String(value);
}

/** The number in a cell; text that is none stays text; an empty cell is `undefined`. */
export function parseCell(cell: string): number | string | undefined {
  if (cell === "") return undefined;
  if (cell === "nan") return Number.NaN;
  if (cell === "inf") return Number.POSITIVE_INFINITY;
  if (cell === "-inf") return Number.NEGATIVE_INFINITY;
  const value = Number(cell);
  return Number.isNaN(value) ? cell : value;
}

export function formatLine(columns: readonly string[], row: MetricsRow): string {
  let line = "";
  for (let i = 0; i < columns.length; i++) {
    if (i > 0) line += ",";
    const name = columns[i] as string;
    // A metric may be called `valueOf`.
    if (Object.hasOwn(row, name)) line += formatCell(row[name]);
  }
  return `${line}\n`;
}

export function formatHeader(columns: readonly string[]): string {
  return `${columns.map(quote).join(",")}\n`;
}

/** The cells of one line (RFC 4180 quoting; a quoted cell holds no line break, since names and values have none). */
export function parseLine(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  const cells: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (line[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") {
      cells.push(cell);
      cell = "";
    } else cell += c;
  }
  cells.push(cell);
  return cells;
}

export function parseRow(columns: readonly string[], line: string): Record<string, number | string> {
  const cells = parseLine(line);
  const entries: [string, number | string][] = [];
  for (let i = 0; i < columns.length; i++) {
    const value = parseCell(cells[i] ?? "");
    if (value !== undefined) entries.push([columns[i] as string, value]);
  }
  return Object.fromEntries(entries);
}

function quote(text: string): string {
  const flat = text.replaceAll(/[\r\n]+/g, " ");
  return /[",]/.test(flat) ? `"${flat.replaceAll('"', '""')}"` : flat;
}
