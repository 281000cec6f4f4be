import { CtError } from "./errors.ts";

/** A row by its column names, and where it stands (`file:line`). */
export interface CsvRow {
  readonly values: Readonly<Record<string, string>>;
  readonly where: string;
}

/**
 * Reads CSV (RFC 4180: quoted fields, doubled quotes, line breaks in quotes) with a header row; tabs separate the fields
 * of files named `.tsv`, and semicolons or tabs those of a file without a comma in its header.
 * @throws CtError for a row with another number of fields than the header, or a quote that is not closed.
 */
export function parseCsv(text: string, file: string): CsvRow[] {
  const plain = text.replace(/^\uFEFF/, "");
  const records = readRecords(plain, separatorOf(plain, file), file);
  const header: string[] = (records.next().value?.fields ?? []).map((name: string) => name.trim());
  const rows: CsvRow[] = [];
  for (const { fields, line } of records) {
    const where = `${file}:${line}`;
    if (fields.length !== header.length) {
      throw new CtError({
        code: "csv",
        what: `the row has ${fields.length} fields, the header has ${header.length}`,
        where,
      });
    }
    // A column may be called `__proto__`.
    rows.push({ where, values: Object.fromEntries(header.map((name, i) => [name, fields[i] as string])) });
  }
  return rows;
}

function separatorOf(text: string, file: string): string {
  if (file.toLowerCase().endsWith(".tsv")) return "\t";
  const [header = ""] = text.split("\n", 1);
  return header.includes(",") ? "," : (["\t", ";"].find((separator) => header.includes(separator)) ?? ",");
}

/** The fields of one line, of a file that has no line breaks in fields; a quote that is not closed ends with the line. */
export function csvFields(line: string): string[] {
  const quotes = line.split('"').length - 1;
  if (quotes === 0) return line.split(",");
  const [record] = readRecords(quotes % 2 === 0 ? line : `${line}"`, ",", "");
  return record?.fields ?? [""];
}

/** A field as CSV: in quotes where it needs them. */
export function csvField(value: string | number): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A table as CSV (RFC 4180, with `\n` as line break). */
export function csvText(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvField).join(",")}\n`).join("");
}

/** Fields are slices of the text: a table of a million rows is read in seconds. */
function* readRecords(text: string, separator: string, file: string): Generator<{ fields: string[]; line: number }> {
  let fields: string[] = [];
  let line = 1;
  let started = 1;
  for (let at = 0; at < text.length; ) {
    let field: string;
    let end: number;
    if (text[at] === '"') {
      const close = closingQuote(text, at + 1);
      if (close < 0)
        throw new CtError({ code: "csv", what: "a quoted field is not closed", where: `${file}:${started}` });
      const quoted = text.slice(at + 1, close);
      line += quoted.split("\n").length - 1;
      end = endOfField(text, close + 1, separator);
      field = quoted.replaceAll('""', '"') + text.slice(close + 1, end);
    } else {
      end = endOfField(text, at, separator);
      field = text.slice(at, end);
    }
    const isLast = end === text.length;
    if (text[end] === separator && !isLast) {
      fields.push(field);
      at = end + 1;
      // A separator at the very end has an empty field behind it.
      if (at < text.length) continue;
      field = "";
    }
    fields.push(field.replace(/\r$/, ""));
    if (fields.length > 1 || fields[0] !== "") yield { fields, line: started };
    fields = [];
    line++;
    started = line;
    at = end + 1;
  }
}

/** Position of the quote that ends a field; doubled ones are part of it. */
function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

function endOfField(text: string, from: number, separator: string): number {
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === separator || char === "\n") return at;
  }
  return text.length;
}
