import { compareErrors, type Interval, type McNemarResult, percent } from "@classifier-training/runs";
import type { ModelEvaluation } from "./evaluate.ts";

/** Two models compared on the same images. */
export interface ModelComparison extends McNemarResult {
  readonly first: string;
  readonly second: string;
  /** Of several labels an image. */
  readonly isMultilabel?: boolean;
}

/** The best model against each other one. */
export function compareModels(evaluations: readonly ModelEvaluation[]): ModelComparison[] {
  const [best, ...others] = [...evaluations].sort((a, b) => scoreOf(b) - scoreOf(a));
  if (best === undefined) return [];
  return others.map((other) => ({
    first: best.name,
    second: other.name,
    ...compareErrors(best.errors, other.errors),
    ...(best.multilabel !== undefined && { isMultilabel: true }),
  }));
}

function scoreOf({ multilabel, top1 }: ModelEvaluation): number {
  return multilabel?.mAP.value ?? top1.value;
}

/** The evaluations as a Markdown document. */
export function evaluationMarkdown(evaluations: readonly ModelEvaluation[], split: string): string {
  const n = evaluations[0]?.top1.n ?? 0;
  const isMultilabel = evaluations.some(({ multilabel }) => multilabel !== undefined);
  const parts = isMultilabel
    ? [labelTable(evaluations), comparisonText(evaluations), labelClassTable(evaluations)]
    : [accuracyTable(evaluations), comparisonText(evaluations), perClassTable(evaluations)];
  return [`# Evaluation on ${split}: ${n} images`, ...parts].filter(Boolean).join("\n\n");
}

function accuracyTable(evaluations: readonly ModelEvaluation[]): string {
  const rows = evaluations.map((e) => [
    e.name,
    withInterval(e.top1),
    withInterval(e.top5),
    e.calibrationError.toFixed(3),
    `${e.latencyMs.p50.toFixed(1)} / ${e.latencyMs.p95.toFixed(1)}`,
    (e.sizeBytes / 2 ** 20).toFixed(1),
  ]);
  return markdownTable(
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
}

function labelTable(evaluations: readonly ModelEvaluation[]): string {
  const rows = evaluations.map(({ name, multilabel, top1, latencyMs, sizeBytes }) => [
    name,
    ...(["mAP", "f1Macro", "f1Micro"] as const).map((measure) =>
      multilabel === undefined ? "" : withInterval(multilabel[measure]),
    ),
    percent(top1.value),
    `${latencyMs.p50.toFixed(1)} / ${latencyMs.p95.toFixed(1)}`,
    (sizeBytes / 2 ** 20).toFixed(1),
  ]);
  const intervals = ["mAP", "F1 macro", "F1 micro"].map((measure) => `${measure} (95% interval)`);
  return markdownTable(["model", ...intervals, "exact match", "latency p50 / p95, ms", "size, MB"], rows);
}

function labelClassTable(evaluations: readonly ModelEvaluation[]): string {
  const [first] = evaluations;
  const number = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? "" : value.toFixed(3));
  const rows = evaluations.flatMap(({ name, multilabel }) =>
    Object.entries(multilabel?.perClass ?? {}).map(([label, { tp, fn, precision, recall, f1, ap, threshold }]) => [
      label,
      ...(evaluations.length > 1 ? [name] : []),
      String(tp + fn),
      ...[precision, recall, f1, ap, threshold].map(number),
    ]),
  );
  if (evaluations.length > 1) {
    const order = Object.keys(first?.multilabel?.perClass ?? {});
    rows.sort((a, b) => order.indexOf(a[0] as string) - order.indexOf(b[0] as string));
  }
  const columns = ["class", ...(evaluations.length > 1 ? ["model"] : []), "images"];
  return `## By class\n\n${markdownTable([...columns, "precision", "recall", "F1", "AP", "threshold"], rows)}`;
}

function withInterval({ value, low, high }: Pick<Interval, "value" | "low" | "high">): string {
  return `${percent(value)} (${percent(low)} to ${percent(high)})`;
}

function comparisonText(evaluations: readonly ModelEvaluation[]): string {
  return compareModels(evaluations)
    .map((comparison) => `- ${describeComparison(comparison)}`)
    .join("\n");
}

/** @param n number of images, unless the text has it already */
export function describeComparison(
  { first, second, onlyFirst, onlySecond, pValue, distinguishable, isMultilabel = false }: ModelComparison,
  n?: number,
): string {
  const verdict = distinguishable ? "a significant difference" : "no significant difference on these images";
  const what = isMultilabel ? "with fewer wrong labels" : "correct only";
  const on = n === undefined ? "" : ` on ${n} images`;
  return `${first} against ${second}${on}: ${onlyFirst} ${what} in the first, ${onlySecond}${isMultilabel ? "" : " only"} in the second; p = ${pValue.toPrecision(2)} (${isMultilabel ? "exact sign test" : "McNemar's exact test"}): ${verdict}.`;
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
