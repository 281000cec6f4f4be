import Table from "cli-table3";

/** Rows of a table on a screen. */
const mostRows = 100;

/** Text as a boxed table; numbers are set to the right. Of a long table the first rows are shown, and how many are left out. */
export function renderTable(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const numeric = columns.map(
    (_, i) =>
      rows.length > 0 && rows.every((row) => typeof row[i] === "number" || /^[\d.,%x±+-]+$/.test(String(row[i]))),
  );
  const table = new Table({
    head: [...columns],
    colAligns: numeric.map((isNumber) => (isNumber ? "right" : "left")),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows.slice(0, mostRows)) table.push(row.map(String));
  const more = rows.length > mostRows ? `\n... and ${rows.length - mostRows} more` : "";
  return `${title}\n${table.toString()}${more}`;
}
