import { classMetric } from "../../src/api-types.ts";

export type Split = "train" | "val" | "test" | "other";

export interface ChartMetric {
  readonly name: string;
  readonly split: Split;
  /** Logged at steps, beside the value of the whole epoch. */
  readonly isStep: boolean;
}

/** Metrics that are plotted together: one measure of all splits. */
export interface ChartGroup {
  readonly title: string;
  readonly metrics: readonly ChartMetric[];
}

export interface Section {
  readonly title: string;
  readonly charts: readonly ChartGroup[];
}

const splitNames: Readonly<Record<string, Split>> = {
  train: "train",
  val: "val",
  valid: "val",
  validation: "val",
  test: "test",
};

/** `train/loss_step`: `loss` of `train`, at steps. A suffix is Lightning's only where both are there. */
function parsed(name: string, all: ReadonlySet<string>): ChartMetric & { readonly title: string } {
  const [, first = "", rest = ""] = /^([^/_]+)[/_](.+)$/.exec(name) ?? [];
  const split = splitNames[first] ?? "other";
  const measure = split === "other" ? name : rest;
  const [, stem = measure, suffix] = /^(.+)_(step|epoch)$/.exec(measure) ?? [];
  const twin = suffix === undefined ? undefined : name.replace(/(step|epoch)$/, suffix === "step" ? "epoch" : "step");
  const isPair = twin !== undefined && all.has(twin);
  return { name, split, isStep: isPair && suffix === "step", title: isPair ? stem : measure };
}

/**
 * The charts of metrics: loss and the main metric first, then the other measures, then the rest by the first part of their
 * names. Metrics of single classes are not among them.
 * @param monitors metrics that runs choose their best by
 */
export function chartSections(names: Iterable<string>, monitors: Iterable<string>): readonly Section[] {
  const all = new Set([...names].filter((name) => !classMetric.test(name)));
  const groups = new Map<string, ChartMetric[]>();
  for (const name of [...all].sort()) {
    const { title, ...metric } = parsed(name, all);
    groups.set(title, [...(groups.get(title) ?? []), metric]);
  }
  const main = new Set(["loss", "acc_top1", "mAP", ...[...monitors].map((name) => parsed(name, all).title)]);
  const sections = new Map<string, ChartGroup[]>([
    ["Main", []],
    ["Metrics", []],
  ]);
  const order = [...groups].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  for (const [title, metrics] of order) {
    const section = main.has(title) ? "Main" : sectionOf(title, metrics);
    sections.set(section, [...(sections.get(section) ?? []), { title, metrics }]);
  }
  return [...sections].filter(([, charts]) => charts.length > 0).map(([title, charts]) => ({ title, charts }));
}

function rank(title: string): number {
  return ["loss", "acc_top1", "mAP"].indexOf(title) + 1 || 9;
}

function sectionOf(title: string, metrics: readonly ChartMetric[]): string {
  if (metrics.some(({ split }) => split !== "other")) return "Metrics";
  if (/^lr\b|^learning_rate/i.test(title)) return "Learning rate";
  const slash = title.indexOf("/");
  return slash > 0 ? title.slice(0, slash) : "Other";
}

/** `val/acc_class_`, ...: metrics that there is one of for each class. */
export function classPrefixes(names: Iterable<string>): readonly string[] {
  const prefixes = new Set([...names].flatMap((name) => classMetric.exec(name)?.[1] ?? []));
  // Those of the validation are what is looked for.
  return [...prefixes].sort((a, b) => Number(b.startsWith("val")) - Number(a.startsWith("val")) || (a < b ? -1 : 1));
}
