import { type Interval, percent } from "../statistics/interval.ts";
import { type McNemarResult, mcnemarTest } from "../statistics/mcnemar.ts";
import type { ModelEvaluation } from "./evaluate.ts";

/** Two models compared on the same images. */
export interface ModelComparison extends McNemarResult {
  readonly first: string;
  readonly second: string;
}

/** The best model against each other one. */
export function compareModels(evaluations: readonly ModelEvaluation[]): ModelComparison[] {
  const [best, ...others] = [...evaluations].sort((a, b) => b.top1.successes - a.top1.successes);
  if (best === undefined) return [];
  return others.map((other) => ({
    first: best.name,
    second: other.name,
    ...mcnemarTest(best.correct, other.correct),
  }));
}

/** The evaluations as a Markdown document. */
export function evaluationMarkdown(evaluations: readonly ModelEvaluation[], split: string): string {
  const n = evaluations[0]?.top1.n ?? 0;
  const rows = evaluations.map((e) => [
    e.name,
    withInterval(e.top1),
    withInterval(e.top5),
    e.calibrationError.toFixed(3),
    `${e.latencyMs.p50.toFixed(1)} / ${e.latencyMs.p95.toFixed(1)}`,
    (e.sizeBytes / 2 ** 20).toFixed(1),
  ]);
  const table = markdownTable(
    [
      "model",
      "top-1 (95% interval)",
      "top-5 (95% interval)",
      "calibration error (ECE)",
      "latency p50 / p95, ms",
      "size, MB",
    ],
    rows,
  );
  return [`# Evaluation on ${split}: ${n} images`, table, comparisonText(evaluations), perClassTable(evaluations)]
    .filter(Boolean)
    .join("\n\n");
}

function withInterval({ value, low, high }: Interval): string {
  return `${percent(value)} (${percent(low)} to ${percent(high)})`;
}

function comparisonText(evaluations: readonly ModelEvaluation[]): string {
  return compareModels(evaluations)
    .map((comparison) => `- ${describeComparison(comparison)}`)
    .join("\n");
}

/** @param n number of images, unless the text has it already */
export function describeComparison(
  { first, second, onlyFirst, onlySecond, pValue, distinguishable }: ModelComparison,
  n?: number,
): string {
  const verdict = distinguishable ? "a significant difference" : "no significant difference on these images";
  const on = n === undefined ? "" : ` on ${n} images`;
  return `${first} against ${second}${on}: ${onlyFirst} correct only in the first, ${onlySecond} only in the second; p = ${pValue.toPrecision(2)} (McNemar's exact test): ${verdict}.`;
}

function perClassTable(evaluations: readonly ModelEvaluation[]): string {
  const classes = Object.keys(evaluations[0]?.perClass ?? {});
  const rows = classes.map((name) => [
    name,
    String(evaluations[0]?.perClass[name]?.support ?? 0),
    ...evaluations.map((e) => {
      const { correct = 0, f1 = 0 } = e.perClass[name] ?? {};
      return `${correct}; ${f1.toFixed(3)}`;
    }),
  ]);
  return `## By class: correct predictions, and F1\n\n${markdownTable(["class", "images", ...evaluations.map(({ name }) => name)], rows)}`;
}

function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n");
}
