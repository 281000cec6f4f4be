import { comparePython, plural, shortened } from "@classifier-training/base";
import {
  compareErrors,
  describeInterval,
  type Interval,
  type McNemarResult,
  percent,
  type RefusedFraction,
  type Slice,
} from "@classifier-training/runs";
import { describeMeasure } from "../statistics/multilabel.ts";
import type { ModelEvaluation } from "./evaluate.ts";
import type { GroupEvaluation } from "./groups.ts";
import { markdownTable, wrapped } from "./markdown.ts";

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

/** Of several models each has a letter, which stands for its path. */
type Named = readonly (readonly [name: string, evaluation: ModelEvaluation])[];

/** The evaluations as a Markdown document of 80 columns, but for the models' paths. */
export function evaluationMarkdown(evaluations: readonly ModelEvaluation[], split: string): string {
  const n = evaluations[0]?.top1.n ?? 0;
  const named: Named = evaluations.map((one, i) => [evaluations.length === 1 ? one.name : letterOf(i), one]);
  const isMultilabel = evaluations.some(({ multilabel }) => multilabel !== undefined);
  const parts = [
    ...named.flatMap(([name, one]) => modelParts(name, one)),
    ...(evaluations.length < 2 ? [] : [`## Comparison\n\n${comparisonText(evaluations)}`]),
    isMultilabel ? labelClassTable(named) : perClassTable(named),
  ];
  return [`# Evaluation on ${split}: ${plural(n, "image")}`, ...parts].join("\n\n");
}

/** A, B, ..., Z, AA. */
function letterOf(i: number): string {
  const letter = String.fromCharCode(65 + (i % 26));
  return i < 26 ? letter : letterOf(Math.floor(i / 26) - 1) + letter;
}

function modelParts(name: string, evaluation: ModelEvaluation): string[] {
  const { refusals = [], slices, grouped } = evaluation;
  const title = name === evaluation.name ? name : `${name}: ${evaluation.name}`;
  return [
    `## ${title}`,
    figuresOf(evaluation)
      .map((line) => wrapped(`- ${line}`))
      .join("\n"),
    ...(refusals.length === 0 ? [] : [`### Least confident images refused\n\n${refusalTable(evaluation)}`]),
    ...(grouped === undefined ? [] : [groupsText(grouped)]),
    ...(slices === undefined ? [] : [`### Slices\n\n${sliceTable(slices)}`]),
  ];
}

function figuresOf(evaluation: ModelEvaluation): string[] {
  const { top1, top5, multilabel, calibrationError, temperature, latencyMs, sizeBytes, perClass } = evaluation;
  const ece = calibrationError.toFixed(3);
  const accuracies =
    multilabel === undefined
      ? [
          `top-1: ${describeInterval(top1)}`,
          ...(Object.keys(perClass).length > 5 ? [`top-5: ${describeInterval(top5)}`] : []),
        ]
      : [
          ...(
            [
              ["mAP", "mAP"],
              ["F1 macro", "f1Macro"],
              ["F1 micro", "f1Micro"],
            ] as const
          ).map(([label, key]) => describeMeasure(label, multilabel[key])),
          `exact match: ${describeInterval(top1)}`,
        ];
  const before =
    temperature === undefined
      ? ""
      : `, ${temperature.calibrationErrorBefore.toFixed(3)} without the temperature of ${Number(temperature.value.toPrecision(3))}`;
  return [
    ...accuracies,
    `calibration error (ECE): ${ece}${before}`,
    `latency: ${latencyMs.p50.toFixed(1)} ms (p50), ${latencyMs.p95.toFixed(1)} ms (p95); size: ${(sizeBytes / 2 ** 20).toFixed(1)} MB`,
  ];
}

function refusalTable({ refusals = [], refusal }: ModelEvaluation): string {
  const row = ({ refused, accuracy, confidence }: RefusedFraction, what: string) => [
    what,
    String(refused),
    ...intervalCells(accuracy),
    Number.isNaN(confidence) ? "" : confidence.toFixed(3),
  ];
  return markdownTable(
    ["refused", "images", "accuracy of others", "95% interval", "confidence from"],
    [
      ...refusals.map((one) => row(one, fractionText(one.fraction))),
      ...(refusal === undefined ? [] : [row(refusal, `as stored (${fractionText(refusal.fraction)})`)]),
    ],
  );
}

/** `5%`, `2.5%`. */
function fractionText(fraction: number): string {
  return `${Number((100 * fraction).toFixed(1))}%`;
}

/** Groups of several labels, and groups with wrong answers, that are named. */
const [namedMixed, namedErrors] = [10, 20];

function groupsText({ by, accuracy, images, groups, mixed, ungrouped }: GroupEvaluation): string {
  const errors = groups.filter((one) => one.true !== one.predicted);
  const lines = [
    `groups: ${describeInterval(accuracy)}`,
    `their ${plural(images.n, "image")}, one by one: ${describeInterval(images)}`,
    ...(ungrouped === 0 ? [] : [`${plural(ungrouped, "image")} without a group, each one of its own`]),
    ...mixed
      .slice(0, namedMixed)
      .map(
        ({ group, images: count, labels }) =>
          `error: ${shortened(group, 30)}: its ${plural(count, "image")} have ${labels.length} labels (${labels.slice(0, 5).join(", ")}${labels.length > 5 ? ", ..." : ""}): not counted`,
      ),
    ...(mixed.length > namedMixed
      ? [`error: ${mixed.length - namedMixed} more groups of several labels: not counted`]
      : []),
  ];
  const more = errors.length - namedErrors;
  const table =
    errors.length === 0
      ? []
      : [
          markdownTable(
            ["group", "images", "true", "predicted", "confidence"],
            errors
              .sort((a, b) => b.confidence - a.confidence)
              .slice(0, namedErrors)
              .map((one) => [
                shortened(one.group, 24),
                String(one.images),
                shortened(one.true, 14),
                shortened(one.predicted, 14),
                percent(one.confidence),
              ]),
          ),
          ...(more > 0 ? [`... and ${more} more with wrong answers (all with --json FILE)`] : []),
        ];
  return [`### Groups by ${by}`, lines.map((line) => wrapped(`- ${line}`)).join("\n"), ...table].join("\n\n");
}

function sliceTable(slices: readonly Slice[]): string {
  return markdownTable(
    ["slice", "value", "images", "accuracy", "95% interval"],
    [...slices]
      .sort(inOrder)
      .map(({ key, value, accuracy }) => [
        shortened(key, 20),
        shortened(value, 20),
        String(accuracy.n),
        ...intervalCells(accuracy),
      ]),
  );
}

/** Numbers and ranges of numbers by their size, texts as a dictionary has them. */
function inOrder(a: Slice, b: Slice): number {
  const [first, second] = [a, b].map(({ value }) => Number.parseFloat(value)) as [number, number];
  const isNumeric = !Number.isNaN(first) && !Number.isNaN(second);
  return comparePython(a.key, b.key) || (isNumeric ? first - second : 0) || comparePython(a.value, b.value);
}

function intervalCells({ n, value, low, high }: Interval): [accuracy: string, interval: string] {
  return n === 0 ? ["", ""] : [percent(value), `${percent(low)} to ${percent(high)}`];
}

function labelClassTable(named: Named): string {
  const number = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? "" : value.toFixed(3));
  const isSeveral = named.length > 1;
  const rows = named.flatMap(([model, { multilabel }]) =>
    Object.entries(multilabel?.perClass ?? {}).map(([label, { tp, fn, precision, recall, f1, ap, threshold }]) => [
      shortened(label, isSeveral ? 18 : 24),
      ...(isSeveral ? [model] : []),
      String(tp + fn),
      ...[precision, recall, f1, ap].map(number),
      number(threshold),
    ]),
  );
  if (isSeveral) {
    const order = Object.keys(named[0]?.[1].multilabel?.perClass ?? {}).map((name) => shortened(name, 18));
    rows.sort((a, b) => order.indexOf(a[0] as string) - order.indexOf(b[0] as string));
  }
  const columns = ["class", ...(isSeveral ? ["model"] : []), "images", "precision", "recall", "F1", "AP", "threshold"];
  return `## Classes\n\n${markdownTable(columns, rows)}`;
}

/** Models beside each other in the table of classes. */
const mostBeside = 3;

function perClassTable(named: Named): string {
  const parts: string[] = [];
  for (let start = 0; start < named.length; start += mostBeside) {
    const beside = named.slice(start, start + mostBeside);
    const reports = beside.map(([, { perClass }]) => perClass);
    // Of classes without images there is nothing to say.
    const present = Object.entries(reports[0] ?? {}).filter(([, { support }]) => support > 0);
    const rows = present.map(([name]) => [
      shortened(name, 28),
      String(reports[0]?.[name]?.support ?? 0),
      ...reports.flatMap((perClass) => [String(perClass[name]?.correct ?? 0), (perClass[name]?.f1 ?? 0).toFixed(3)]),
    ]);
    const columns = beside.flatMap(([name]) =>
      named.length === 1 ? ["correct", "F1"] : [`${name} correct`, `${name} F1`],
    );
    parts.push(markdownTable(["class", "images", ...columns], rows));
  }
  return ["## Classes", ...parts].join("\n\n");
}

function comparisonText(evaluations: readonly ModelEvaluation[]): string {
  const letters = new Map(evaluations.map(({ name }, i) => [name, letterOf(i)]));
  return compareModels(evaluations)
    .map((comparison) => {
      const [first = "", second = ""] = [comparison.first, comparison.second].map((name) => letters.get(name));
      return wrapped(`- ${describeComparison({ ...comparison, first, second })}`);
    })
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
