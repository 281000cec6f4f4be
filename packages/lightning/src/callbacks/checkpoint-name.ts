import { MisconfigurationError } from "../utilities/errors.ts";
import { pythonFormat } from "../utilities/format.ts";

export interface NameStyle {
  readonly autoInsertMetricName: boolean;
  /** Between the parts of a name: Lightning's CHECKPOINT_JOIN_CHAR. */
  readonly join: string;
  /** Between a metric's name and its value: CHECKPOINT_EQUALS_CHAR. */
  readonly equals: string;
}

const integers = new Set(["epoch", "step"]);

const placeholder = /\{([^:}]*)(?::([^}]*))?\}/g;

/** The metrics that a template names. */
export function placeholders(template: string | null): string[] {
  return [...(template ?? "").matchAll(placeholder)].map(([, name = ""]) => name);
}

/**
 * Fills in a checkpoint name's template, as Lightning does: `{epoch:02d}-{val/loss:.2f}`. With auto-insertion each
 * placeholder is preceded by its metric's name. A metric that is missing counts as 0.
 * @throws MisconfigurationError for a stray brace, or a format that does not fit the value
 */
export function formatCheckpointName(
  template: string | null,
  metrics: Readonly<Record<string, number>>,
  style: NameStyle,
): string {
  const text = template === null || template === "" ? `{epoch}${style.join}{step}` : template;
  if (/[{}]/.test(text.replace(placeholder, "")) || /\{[^}]*\{/.test(text)) {
    throw new MisconfigurationError(
      `the file name '${text}' has a brace outside of a placeholder`,
      "write placeholders as {name} or {name:format}",
    );
  }
  return text.replace(placeholder, (_whole, name: string, spec: string | undefined) => {
    const value = metrics[name];
    const integer = value === undefined || integers.has(name);
    // Metrics are float32 in the original, and show it when no format is given.
    const shown = pythonFormat(integer ? (value ?? 0) : Math.fround(value ?? 0), spec ?? "", integer);
    return style.autoInsertMetricName ? `${name}${style.equals}${shown}` : shown;
  });
}
