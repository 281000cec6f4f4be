import { csvField, csvFields } from "@classifier-training/base";

/** One logged row: names to numbers (or text); a missing name is an empty cell. */
export type MetricsRow = Readonly<Record<string, number | string>>;

/** A number as Python's csv module writes it, so that the same readers parse both. */
export function formatCell(value: number | string | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return field(value);
  if (Number.isNaN(value)) return "nan";
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  return String(value);
}

/** The number in a cell; other text stays text; an empty cell is `undefined`. */
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
  return `${columns.map(field).join(",")}\n`;
}

export function parseRow(columns: readonly string[], line: string): Record<string, number | string> {
  const cells = csvFields(line);
  const entries: [string, number | string][] = [];
  for (let i = 0; i < columns.length; i++) {
    const value = parseCell(cells[i] ?? "");
    if (value !== undefined) entries.push([columns[i] as string, value]);
  }
  return Object.fromEntries(entries);
}

/** A field on one line: names and values may hold line breaks, rows may not. */
function field(text: string): string {
  return csvField(text.replaceAll(/[\r\n]+/g, " "));
}
