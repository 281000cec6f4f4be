/** Decisions as a person reads them: each line an override, and why. 80 columns wide where the values allow it. */
export function decisionTable(
  title: string,
  decisions: readonly { readonly key: string; readonly value: unknown; readonly why: string }[],
): string {
  const shown = decisions.filter(({ why }) => why !== "");
  const settings = shown.map(({ key, value }) => `${key}=${String(value)}`);
  const width = Math.max(0, ...settings.map((text) => text.length));
  const lines = shown.map(({ why }, i) => `  ${settings[i]?.padEnd(width)}  (${why})`);
  return [`${title}:`, ...lines].join("\n");
}
