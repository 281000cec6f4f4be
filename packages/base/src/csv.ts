import { CtError } from "./errors.ts";

/** A row by its column names, and where it stands (`file:line`). */
export interface CsvRow {
  readonly values: Readonly<Record<string, string>>;
  readonly where: string;
}

/**
 * Reads CSV (RFC 4180: quoted fields, doubled quotes, line breaks in quotes) with a header row; tabs separate the fields
 * of files named `.tsv`.
 * @throws CtError for a row with another number of fields than the header, or a quote that is not closed.
 */
export function parseCsv(text: string, file: string): CsvRow[] {
  const separator = file.endsWith(".tsv") ? "\t" : ",";
  const records = [...readRecords(text.replace(/^\uFEFF/, ""), separator, file)];
  const header = records.shift()?.fields ?? [];
  return records.map(({ fields, line }) => {
    const where = `${file}:${line}`;
    if (fields.length !== header.length) {
      throw new CtError({
        code: "csv",
        what: `the row has ${fields.length} fields, the header has ${header.length}`,
        where,
      });
    }
    return { where, values: Object.fromEntries(header.map((name, i) => [name.trim(), fields[i] as string])) };
  });
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

function* readRecords(text: string, separator: string, file: string): Generator<{ fields: string[]; line: number }> {
  let fields: string[] = [];
  let field = "";
  let quoted = false;
  let line = 1;
  let started = 1;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (char === "\n") line++;
    if (quoted) {
      if (char !== '"') field += char;
      else if (text[i + 1] === '"') {
        field += '"';
        i++;
      } else quoted = false;
    } else if (char === '"' && field === "") quoted = true;
    else if (char === separator) {
      fields.push(field);
      field = "";
    } else if (char === "\n") {
      fields.push(field.replace(/\r$/, ""));
      if (fields.length > 1 || fields[0] !== "") yield { fields, line: started };
      fields = [];
      field = "";
      started = line;
    } else field += char;
  }
  if (quoted) {
    throw new CtError({
      code: "csv",
      what: "a quoted field is not closed",
      where: `${file}:${started}`,
    });
  }
  if (field !== "" || fields.length > 0) yield { fields: [...fields, field.replace(/\r$/, "")], line: started };
}
