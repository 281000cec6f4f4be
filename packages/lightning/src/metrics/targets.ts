import {
  CtError,
  type ForeignOption,
  optionsTarget,
  refusedTarget,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "@classifier-training/base";
import { z } from "zod";
import { MaxMetric, MeanMetric, MinMetric, SumMetric } from "./aggregation.ts";
import { calibrationErrorOptionsSchema, MulticlassCalibrationError } from "./calibration-error.ts";
import { confusionMatrixOptionsSchema, MulticlassConfusionMatrix } from "./confusion-matrix.ts";
import { curveOptionsSchema, MulticlassAUROC, MulticlassAveragePrecision } from "./curves.ts";
import {
  MultilabelAccuracy,
  MultilabelAUROC,
  MultilabelAveragePrecision,
  MultilabelF1Score,
  MultilabelPrecision,
  MultilabelRecall,
  multilabelCurveOptionsSchema,
  multilabelOptionsSchema,
} from "./multilabel.ts";
import {
  MulticlassAccuracy,
  MulticlassF1Score,
  MulticlassPrecision,
  MulticlassRecall,
  statScoresOptionsSchema,
} from "./stat-scores.ts";

const none = z.strictObject({});
const isUnset = (value: unknown) => value === null || value === false;

/** How torchmetrics synchronizes and checks, which changes no result here. */
const everyMetric: Readonly<Record<string, ForeignOption>> = {
  validate_args: {},
  compute_on_cpu: {},
  compute_with_cache: {},
  sync_on_compute: {},
  distributed_available_fn: { accepts: isUnset },
  dist_sync_on_step: { accepts: isUnset, fix: "leave it out: a metric is synchronized when it is computed" },
  dist_sync_fn: { accepts: isUnset },
  process_group: { accepts: isUnset },
};
const everyScore: Readonly<Record<string, ForeignOption>> = {
  ...everyMetric,
  multidim_average: { accepts: (value) => value === "global", fix: "leave it out: samples have one label each" },
  zero_division: { accepts: (value) => value === 0, fix: "leave it out: 0 / 0 counts as 0" },
};

const scores = {
  Accuracy: optionsTarget(statScoresOptionsSchema, (options) => new MulticlassAccuracy(options)),
  Precision: optionsTarget(statScoresOptionsSchema, (options) => new MulticlassPrecision(options)),
  Recall: optionsTarget(statScoresOptionsSchema, (options) => new MulticlassRecall(options)),
  F1Score: optionsTarget(statScoresOptionsSchema, (options) => new MulticlassF1Score(options)),
};
const others = {
  ConfusionMatrix: optionsTarget(confusionMatrixOptionsSchema, (options) => new MulticlassConfusionMatrix(options)),
  CalibrationError: optionsTarget(calibrationErrorOptionsSchema, (options) => new MulticlassCalibrationError(options)),
  AUROC: optionsTarget(curveOptionsSchema, (options) => new MulticlassAUROC(options)),
  AveragePrecision: optionsTarget(curveOptionsSchema, (options) => new MulticlassAveragePrecision(options)),
};

const multilabelScores: Readonly<Record<string, Target>> = {
  Accuracy: optionsTarget(multilabelOptionsSchema, (options) => new MultilabelAccuracy(options)),
  Precision: optionsTarget(multilabelOptionsSchema, (options) => new MultilabelPrecision(options)),
  Recall: optionsTarget(multilabelOptionsSchema, (options) => new MultilabelRecall(options)),
  F1Score: optionsTarget(multilabelOptionsSchema, (options) => new MultilabelF1Score(options)),
  AUROC: optionsTarget(multilabelCurveOptionsSchema, (options) => new MultilabelAUROC(options)),
  AveragePrecision: optionsTarget(multilabelCurveOptionsSchema, (options) => new MultilabelAveragePrecision(options)),
};

const mapEntries = (
  table: Readonly<Record<string, Target>>,
  change: (name: string, target: Target) => [string, Target][],
) => Object.fromEntries(Object.entries(table).flatMap(([name, target]) => change(name, target)));

/** `torchmetrics.Accuracy(task=...)`: of the tasks, those of an image classifier are built in. */
function byTask(name: string, multiclass: Target, defaults: Readonly<Record<string, unknown>>): Target {
  const multilabel = multilabelScores[name];
  const target: Target = {
    optionNames: ["task", ...(multiclass.optionNames ?? [])],
    invoke(args, kwargs) {
      const { task = args[0], ...options } = kwargs;
      if (task === "multiclass" && args.length < 2) return multiclass.invoke([], { ...defaults, ...options });
      const given = task === undefined ? "no task is given" : `task is '${String(task)}'`;
      const isBinary = task === "binary" ? ": it is the same with num_classes=2" : "";
      throw new CtError({
        code: "target/options",
        what: args.length > 1 ? `${name}: only task is positional` : `${name}: ${given}`,
        fix:
          args.length > 1
            ? "give the others by name"
            : `give task=multiclass and num_classes${isBinary}${multilabel === undefined ? "" : ", or task=multilabel and num_labels"}`,
      });
    },
  };
  const single = withForeignOptions(target, { ...everyScore, threshold: {}, num_labels: { accepts: isUnset } });
  if (multilabel === undefined) return single;
  const several = withForeignOptions(multilabel, { ...everyScore, top_k: {}, num_classes: { accepts: isUnset } });
  return {
    ...single,
    optionNames: [...new Set([...(single.optionNames ?? []), ...(several.optionNames ?? [])])],
    foreignOptions: { ...everyScore, top_k: {} },
    invoke(args, kwargs) {
      const { task = args[0], ...options } = kwargs;
      if (task !== "multilabel" || args.length > 1) return single.invoke(args, kwargs);
      return several.invoke([], { ...defaults, ...options });
    },
  };
}

const multiclass = {
  ...mapEntries(scores, (name, target) => [[`Multiclass${name}`, withForeignOptions(target, everyScore)]]),
  ...mapEntries(others, (name, target) => [[`Multiclass${name}`, withForeignOptions(target, everyMetric)]]),
};
const tasks = {
  // With a task, these average over samples by default; the classes named for the task average over classes.
  ...mapEntries(scores, (name, target) => [[name, byTask(name, target, { average: "micro" })]]),
  ...mapEntries(others, (name, target) => [[name, byTask(name, target, {})]]),
};
const refused = (name: string, other: string, hint = "") =>
  refusedTarget(`${name} is not built in`, `use torchmetrics.classification.${other}${hint}`);
const otherTasks = mapEntries({ ...scores, ...others }, (name) => {
  const multilabel = multilabelScores[name];
  return [
    [`Binary${name}`, refused(`Binary${name}`, `Multiclass${name}`, " with num_classes: 2")],
    [
      `Multilabel${name}`,
      multilabel === undefined
        ? refused(`Multilabel${name}`, "MultilabelF1Score")
        : withForeignOptions(multilabel, everyScore),
    ],
  ];
});

const nanStrategy: ForeignOption = {
  accepts: (value) => value === "disable",
  fix: "leave out nan_strategy: a NaN is kept, so that it shows",
};
const aggregation = mapEntries(
  {
    MeanMetric: optionsTarget(none, () => new MeanMetric()),
    SumMetric: optionsTarget(none, () => new SumMetric()),
    MinMetric: optionsTarget(none, () => new MinMetric()),
    MaxMetric: optionsTarget(none, () => new MaxMetric()),
  },
  (name, target) => [[name, withForeignOptions(target, { ...everyMetric, nan_strategy: nanStrategy })]],
);

/** The metrics that a configuration may name, as torchmetrics names them. */
export const metricTargets: TargetTable = {
  ...mapEntries({ ...multiclass, ...otherTasks }, (name, target) => [
    [`torchmetrics.classification.${name}`, target],
    [`torchmetrics.${name}`, target],
  ]),
  ...mapEntries({ ...tasks }, (name, target) => [
    [`torchmetrics.${name}`, target],
    [`torchmetrics.classification.${name}`, target],
  ]),
  ...mapEntries(aggregation, (name, target) => [[`torchmetrics.${name}`, target]]),
};
