import { getLogger, suggestion } from "@classifier-training/base";
import type { Callback, MetricUse } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn } from "../core/trainer-view.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import type { DataConnector } from "./data-connector.ts";
import type { LoggerConnector } from "./logger-connector.ts";
import type { Optimization } from "./optimization.ts";
import type { ResolvedOptions } from "./resolved-options.ts";

const log = getLogger("lightning.trainer");

/** What is looked at before anything runs. */
interface Run {
  readonly options: ResolvedOptions;
  readonly module: LightningModule;
  readonly callbacks: readonly Callback[];
  readonly data: DataConnector;
  readonly optimization: Optimization;
  readonly log: LoggerConnector;
}

/**
 * Whether the module can do what is asked of it.
 * @throws MisconfigurationError when it lacks a step, or an option has no meaning for it
 */
export function checkCall(run: Run, fn: TrainerFn): void {
  if (fn === "fit") checkFit(run);
  else if (fn !== "predict" && run.module[evaluationSteps[fn]] === undefined) {
    throw new MisconfigurationError(`No \`${evaluationSteps[fn]}()\` method defined to run \`Trainer.${fn}\``);
  }
}

const evaluationSteps = { validate: "validationStep", test: "testStep" } as const;

function checkFit(run: Run): void {
  const { module, data, options } = run;
  if (options.assumesMaxEpochs) {
    log.warning(
      `\`maxEpochs\` was not set. Setting it to ${options.maxEpochs} epochs. To train without an epoch limit, set maxEpochs: -1`,
    );
  }
  for (const method of ["trainingStep", "configureOptimizers"] as const) {
    if (module[method] !== undefined) continue;
    throw new MisconfigurationError(
      `No \`${method}()\` method defined: \`Trainer.fit\` expects at least \`trainingStep()\`, a train loader and \`configureOptimizers()\``,
    );
  }
  const [hasLoader, hasStep] = [data.has("valDataloader"), module.validationStep !== undefined];
  if (hasLoader && !hasStep) {
    log.warning("there is a validation loader, but the module has no `validationStep`: validation is skipped");
  }
  if (hasStep && !hasLoader) {
    log.warning("the module has a `validationStep`, but there is no validation loader: validation is skipped");
  }
  if (!module.automaticOptimization) checkManualOptimization(run);
}

function checkManualOptimization({ options, optimization }: Run): void {
  const { gradientClipVal } = options;
  const fix = "leave it out and do it in `trainingStep`, or use automatic optimization";
  if (gradientClipVal !== null && gradientClipVal > 0) {
    throw new MisconfigurationError(
      `gradientClipVal is ${gradientClipVal}, and gradients are not clipped automatically in manual optimization`,
      fix,
    );
  }
  if (optimization.accumulateGradBatches !== 1) {
    throw new MisconfigurationError(
      `accumulateGradBatches is ${optimization.accumulateGradBatches}, and gradients are not accumulated automatically in manual optimization`,
      fix,
    );
  }
}

/** What is known of the metrics' names before the first step. */
export interface KnownMetrics {
  /** What the sanity check has logged; undefined when there was none. */
  readonly checked: readonly string[] | undefined;
  /** Whether there is going to be a validation. */
  readonly validates: boolean;
}

/** What a validation logs is called so nearly everywhere. */
const isOfValidation = (name: string) => /^(val|valid|validation)([/_.-]|$)/i.test(name);

/**
 * Finds monitored metrics that nothing logs before the first step, rather than after an epoch. What the module declares in
 * `metricNames()` is complete; of another module only what validation logs is known, from the sanity check.
 * @throws MisconfigurationError naming the nearest metric
 */
export function checkMetricNames(run: Run, { checked, validates }: KnownMetrics): void {
  const { module, callbacks, optimization } = run;
  const declared = module.metricNames?.();
  const known = new Set([
    ...(declared?.train ?? []),
    ...(validates ? (declared?.validation ?? []) : []),
    ...(checked ?? []),
    // Of the run that is resumed.
    ...Object.keys(run.log.callbackMetrics),
  ]);
  const isCertain = (name: string) =>
    declared !== undefined || (checked !== undefined && checked.length > 0 && isOfValidation(name));
  const schedulers = optimization.schedulers.flatMap(({ monitor, strict, scheduler }): MetricUse[] =>
    monitor === undefined
      ? []
      : [{ name: monitor, option: `${scheduler.constructor.name}(monitor='${monitor}')`, isRequired: strict }],
  );
  const uses = [...callbacks.flatMap((callback) => callback.metricUses ?? []), ...schedulers];
  for (const { name, option, isRequired } of uses) {
    // Learning rates are logged under names that depend on the optimizers.
    if (known.has(name) || name.startsWith("lr-") || !isCertain(name)) continue;
    const isOff = !validates && (declared?.validation ?? []).includes(name);
    const what = `${option}: ${isOff ? "there is no validation, which logs" : "nothing logs"} '${name}'`;
    if (isRequired === false || (isRequired === "when validated" && isOff)) {
      log.warning(what);
      continue;
    }
    throw new MisconfigurationError(
      what,
      isOff
        ? "monitor a metric of training, or validate (limitValBatches, a validation split)"
        : `${nearest(name, shortened([...known]))}; if it is logged all the same, name it in the module's \`metricNames()\``,
    );
  }
}

/** `val/acc` and `val_acc` are near to `val/acc_top1`, however many letters they lack. */
function nearest(name: string, known: readonly string[]): string {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]+/g, "_");
  const longer = known.find((other) => plain(other).startsWith(plain(name)));
  return suggestion(longer ?? name, known);
}

/** Metrics by class are many, and seldom what was meant. */
function shortened(names: readonly string[]): string[] {
  return names.filter((name) => !/_\d+$/.test(name));
}
