import { getLogger, suggestion } from "@classifier-training/base";
import type { MetricUse } from "../core/callback.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import type { RunContext } from "./run-context.ts";

const log = getLogger("lightning.trainer");

/** What is known of the metrics' names before the first step. */
export interface KnownMetrics {
  /** What the sanity check has logged; undefined when there was none. */
  readonly checked: readonly string[] | undefined;
  /** What the run that is resumed has logged. */
  readonly resumed: readonly string[];
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
export function checkMetricNames(run: RunContext, { checked, resumed, validates }: KnownMetrics): void {
  const { module, callbacks, optimization } = run;
  const declared = module.metricNames?.();
  const known = new Set([
    ...(declared?.train ?? []),
    ...(validates ? (declared?.validation ?? []) : []),
    ...(checked ?? []),
    ...resumed,
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
