import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  MulticlassAccuracy,
  MulticlassAUROC,
  MulticlassAveragePrecision,
  MulticlassCalibrationError,
  MulticlassConfusionMatrix,
  MulticlassF1Score,
  MulticlassPrecision,
  MulticlassRecall,
  type NestedNumbers,
} from "../src/metrics/index.ts";

/** The outcome of one recorded section. */
export interface SectionResult {
  readonly name: string;
  readonly passed: number;
  readonly total: number;
  /** One line a case that failed. */
  readonly failures: readonly string[];
}

interface AccuracyCase {
  readonly case: string;
  readonly preds?: NestedNumbers;
  readonly target?: readonly number[];
  readonly average?: Average;
  readonly top_k?: number;
  readonly value?: NestedNumbers;
  readonly error?: string | null;
}
interface MatrixCase {
  readonly num_classes: number;
  readonly preds: NestedNumbers;
  readonly target: readonly number[];
  readonly normalize: "true" | "pred" | "all" | null;
  readonly matrix_rows_are_true: NestedNumbers;
}
interface OtherCase {
  readonly metric: string;
  readonly kwargs: { readonly average?: Average; readonly n_bins?: number; readonly top_k?: number };
  readonly preds: NestedNumbers;
  readonly target: readonly number[];
  readonly value: NestedNumbers;
}
type Average = "micro" | "macro" | "weighted" | "none";
interface Recorded {
  readonly MulticlassAccuracy?: readonly AccuracyCase[];
  readonly MulticlassConfusionMatrix?: readonly MatrixCase[];
  readonly others?: readonly OtherCase[];
}

/** Compares the metrics with those recorded in `numerics.json` of a folder; nothing when it is not there. */
export function metricsConformance(dir: string): SectionResult[] {
  const path = join(dir, "numerics.json");
  if (!existsSync(path)) return [];
  const { metrics } = JSON.parse(readFileSync(path, "utf8")) as { readonly metrics?: Recorded };
  if (metrics === undefined) return [];
  const accuracy = metrics.MulticlassAccuracy ?? [];
  // Some cases accumulate over the inputs that other cases of the file carry.
  const inputs = new Map<string, AccuracyCase>();
  for (const recorded of accuracy) if (recorded.preds !== undefined) inputs.set(recorded.case, recorded);
  for (const [name, input] of Object.entries(knownInputs)) {
    if (!inputs.has(name)) inputs.set(name, { case: name, ...input });
  }
  return [
    section("metrics.MulticlassAccuracy", accuracy, (recorded) => checkAccuracy(recorded, inputs)),
    section("metrics.MulticlassConfusionMatrix", metrics.MulticlassConfusionMatrix ?? [], (recorded) => {
      const { num_classes: numClasses, normalize, preds, target } = recorded;
      const metric = new MulticlassConfusionMatrix({ numClasses, normalize });
      metric.update(preds, target);
      return difference(metric.compute(), recorded.matrix_rows_are_true);
    }),
    section("metrics.others", metrics.others ?? [], checkOther),
  ].filter(({ total }) => total > 0);
}

const knownInputs: Record<string, { readonly preds: NestedNumbers; readonly target: readonly number[] }> = {
  plain: {
    preds: [
      [0.1, 0.6, 0.3],
      [0.5, 0.2, 0.3],
      [0.2, 0.2, 0.6],
      [0.3, 0.4, 0.3],
      [0.9, 0.05, 0.05],
      [0.1, 0.1, 0.8],
    ],
    target: [1, 0, 2, 0, 1, 2],
  },
  ties: {
    preds: [
      [0.5, 0.5, 0.0],
      [0.2, 0.4, 0.4],
      [0.3333, 0.3333, 0.3333],
      [0.0, 0.5, 0.5],
      [0.5, 0.0, 0.5],
      [0.4, 0.4, 0.2],
    ],
    target: [1, 2, 2, 1, 2, 0],
  },
};

function checkAccuracy(recorded: AccuracyCase, inputs: ReadonlyMap<string, AccuracyCase>): string | undefined {
  if ("error" in recorded) return checkError(recorded);
  const updates = recorded.case.startsWith("accumulate ")
    ? recorded.case
        .slice("accumulate ".length)
        .split(" then ")
        .map((name) => inputs.get(name))
    : [{ preds: recorded.preds ?? filled(recorded.case), target: recorded.target }];
  const batches = updates.map((update) => {
    if (update?.preds === undefined || update.target === undefined) return undefined;
    return { preds: update.preds, target: update.target };
  });
  const first = batches[0];
  if (first === undefined) return "the inputs are not recorded";
  const metric = new MulticlassAccuracy({
    numClasses: classesOf(first.preds, recorded.value),
    topK: recorded.top_k ?? 1,
    average: recorded.average ?? "macro",
  });
  for (const batch of batches) if (batch !== undefined) metric.update(batch.preds, batch.target);
  return difference(metric.compute(), recorded.value);
}

function checkError(recorded: AccuracyCase): string | undefined {
  const options = /num_classes=(\d+) top_k=(\d+)/.exec(recorded.case);
  const attempt = () => {
    if (options !== null) new MulticlassAccuracy({ numClasses: Number(options[1]), topK: Number(options[2]) });
    else new MulticlassAccuracy({ numClasses: 3 }).update([[0.1, 0.6, 0.3]], [5]);
  };
  let failed = false;
  try {
    attempt();
  } catch {
    failed = true;
  }
  return failed === (recorded.error !== null) ? undefined : `expected ${recorded.error ?? "no error"}`;
}

function checkOther({ metric: name, kwargs, preds, target, value }: OtherCase): string | undefined {
  const numClasses = classesOf(preds, value);
  const { average, n_bins: nBins, top_k: topK } = kwargs;
  const scores = { numClasses, ...(average && { average }), ...(topK && { topK }) };
  const curve = { numClasses, ...(average && average !== "micro" && { average }) };
  const metrics = {
    MulticlassPrecision: () => new MulticlassPrecision(scores),
    MulticlassRecall: () => new MulticlassRecall(scores),
    MulticlassF1Score: () => new MulticlassF1Score(scores),
    MulticlassAUROC: () => new MulticlassAUROC(curve),
    MulticlassAveragePrecision: () => new MulticlassAveragePrecision(curve),
    MulticlassCalibrationError: () => new MulticlassCalibrationError({ numClasses, ...(nBins && { nBins }) }),
  };
  const create = metrics[name as keyof typeof metrics];
  if (create === undefined) return `no metric ${name}`;
  const metric = create();
  metric.update(preds, target);
  return difference(metric.compute(), value);
}

/** `logits fill((7,5),3,4)`: the recorded formula, sin(0.37 i + 0.11 k) * scale in float32. */
function filled(name: string): NestedNumbers | undefined {
  const match = /fill\(\((\d+),\s*(\d+)\),\s*(\d+)(?:,\s*([\d.]+))?\)/.exec(name);
  if (match === null) return undefined;
  const [rows, columns, k, scale] = [match[1], match[2], match[3], match[4] ?? 1].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const at = (row: number, column: number) => Math.sin(0.37 * (row * columns + column) + 0.11 * k) * scale;
  return Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (_, c) => at(r, c)));
}

function classesOf(preds: NestedNumbers, value: NestedNumbers | undefined): number {
  const row = (preds as readonly NestedNumbers[])[0];
  if (Array.isArray(row)) return row.length;
  // Labels as predictions: the recording used one class more than any label.
  return Array.isArray(value) ? value.length : Math.max(...(preds as readonly number[])) + 2;
}

function difference(got: NestedNumbers, expected: NestedNumbers | undefined): string | undefined {
  const flat = (value: NestedNumbers | undefined): number[] =>
    value === undefined ? [] : ([value].flat(3) as (number | string)[]).map(Number);
  const a = flat(got);
  const b = flat(expected);
  const same =
    a.length === b.length &&
    a.every((v, i) => Object.is(v, b[i]) || Math.abs(v - (b[i] ?? 0)) <= 1e-5 * Math.max(1, Math.abs(v)));
  return same ? undefined : `got ${JSON.stringify(a)}, recorded ${JSON.stringify(b)}`;
}

function section<Case>(
  name: string,
  cases: readonly Case[],
  check: (recorded: Case) => string | undefined,
): SectionResult {
  const failures = cases.flatMap((recorded) => {
    const failure = attempt(() => check(recorded));
    return failure === undefined ? [] : [`${name}: ${JSON.stringify(recorded).slice(0, 160)}: ${failure}`];
  });
  return { name, passed: cases.length - failures.length, total: cases.length, failures };
}

function attempt(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return String(error);
  }
}
