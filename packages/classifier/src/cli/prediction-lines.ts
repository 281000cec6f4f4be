import { CtError, shortened } from "@classifier-training/base";
import type { ClassProbability } from "@classifier-training/inference";

export interface PredictionLayout {
  /** All names that will be printed: columns are as wide as the longest. */
  readonly names: readonly string[];
  readonly classNames: readonly string[];
  /** Width of the terminal, which no line exceeds; undefined elsewhere: nothing is cut or left out there. */
  readonly columns: number | undefined;
}

const widestLabel = 24;
/** ` 100.0%` */
const percentWidth = 7;

/**
 * Writes predictions as lines of a table: the input's name, then classes with their probabilities, the most probable first.
 * In a terminal a long name loses its middle, and as many classes are shown as fit.
 */
export function predictionLines({ names, classNames, columns }: PredictionLayout) {
  const longest = (texts: readonly string[]) => texts.reduce((most, text) => Math.max(most, [...text].length), 0);
  const most = columns === undefined ? Number.POSITIVE_INFINITY : Math.floor(columns / 2);
  const nameWidth = Math.min(longest(names), most);
  const labelWidth = Math.min(longest(classNames), columns === undefined ? Number.POSITIVE_INFINITY : widestLabel);
  const cellWidth = labelWidth + percentWidth + 2;
  const free = columns === undefined ? Number.POSITIVE_INFINITY : columns - nameWidth;
  const cells = Math.max(1, Math.floor(free / cellWidth));
  const pad = (text: string, width: number) => text + " ".repeat(Math.max(0, width - [...text].length));
  const fitted = (text: string, width: number) => pad(Number.isFinite(width) ? shortened(text, width) : text, width);
  return (name: string, result: readonly ClassProbability[] | CtError, unreadable = false): string => {
    const start = fitted(name, nameWidth);
    if (CtError.is(result)) return `${start}  error: ${withoutName(result.problem.what, name)}`;
    if (result.length === 0) return `${start}  none`;
    const shown = result.slice(0, cells).map(({ label, probability }) => {
      const percent = `${(100 * probability).toFixed(1)}%`;
      return `  ${fitted(label, labelWidth)}${percent.padStart(percentWidth)}`;
    });
    // What it would have been is said all the same: people judge where to refuse.
    if (unreadable) return `${start}  ${pad("unreadable", labelWidth)}${shown[0] ?? ""}`;
    return `${start}${shown.join("")}`;
  };
}

function withoutName(text: string, name: string): string {
  return text.startsWith(`${name} `) ? text.slice(name.length + 1) : text;
}
