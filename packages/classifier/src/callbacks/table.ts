import Table from "cli-table3";

/** Text as a boxed table; numbers are set to the right. */
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
  for (const row of rows) table.push(row.map(String));
  return `${title}\n${table.toString()}`;
}
