import type { Tensor } from "@classifier-training/torch";
import type { LoggedValue, LogOptions } from "../core/module.ts";
import type { LogRecipe } from "../metrics/logged-values.ts";
import { LightningError, MisconfigurationError } from "../utilities/errors.ts";

/** Where `log()` may be called, and with which levels: Lightning's table, hook by hook. */
interface LogRule {
  readonly onStepAllowed: boolean;
  readonly onEpochRequired: boolean;
  readonly defaultOnStep: boolean;
}

const perBatchOfTraining: LogRule = { onStepAllowed: true, onEpochRequired: false, defaultOnStep: true };
const perBatchOfEvaluation: LogRule = { onStepAllowed: true, onEpochRequired: false, defaultOnStep: false };
const perEpoch: LogRule = { onStepAllowed: false, onEpochRequired: true, defaultOnStep: false };

const rules: Readonly<Record<string, LogRule>> = {
  onBeforeBackward: perBatchOfTraining,
  backward: perBatchOfTraining,
  onAfterBackward: perBatchOfTraining,
  onBeforeOptimizerStep: perBatchOfTraining,
  optimizerStep: perBatchOfTraining,
  configureGradientClipping: perBatchOfTraining,
  clipGradients: perBatchOfTraining,
  onBeforeZeroGrad: perBatchOfTraining,
  optimizerZeroGrad: perBatchOfTraining,
  onTrainBatchStart: perBatchOfTraining,
  onTrainBatchEnd: perBatchOfTraining,
  trainingStep: perBatchOfTraining,
  onValidationBatchStart: perBatchOfEvaluation,
  onValidationBatchEnd: perBatchOfEvaluation,
  validationStep: perBatchOfEvaluation,
  onTestBatchStart: perBatchOfEvaluation,
  onTestBatchEnd: perBatchOfEvaluation,
  testStep: perBatchOfEvaluation,
  onTrainStart: perEpoch,
  onValidationStart: perEpoch,
  onTestStart: perEpoch,
  onTrainEpochStart: perEpoch,
  onTrainEpochEnd: perEpoch,
  onValidationEpochStart: perEpoch,
  onValidationEpochEnd: perEpoch,
  onTestEpochStart: perEpoch,
  onTestEpochEnd: perEpoch,
};

/** Whether values of a hook come batch by batch, so that each rank has its own. */
export function isPerBatch(hook: string): boolean {
  return rules[hook] !== undefined && rules[hook] !== perEpoch;
}

/**
 * How a call of `log()` in a hook is kept.
 * @throws MisconfigurationError where the hook cannot log, or not like this
 */
export function logRecipe(
  hook: string,
  name: string,
  value: LoggedValue,
  options: LogOptions,
  dataloaderIdx: number | undefined,
): LogRecipe {
  const levels = logLevels(hook, options.onStep, options.onEpoch);
  const reduceFx = options.reduceFx ?? "mean";
  if (!["mean", "sum", "min", "max"].includes(reduceFx)) {
    throw new MisconfigurationError(
      `Only \`log(..., reduceFx: "min" | "max" | "mean" | "sum")\` are supported, found: ${String(reduceFx)}`,
      "for another reduction, log a metric object",
    );
  }
  if (name.includes("/dataloader_idx_")) {
    throw new MisconfigurationError(
      `You called \`log\` with the key \`${name}\` but it should not contain information like \`dataloader_idx\``,
    );
  }
  checkValue(name, value);
  return {
    hook,
    name,
    progBar: options.progBar ?? false,
    logger: options.logger ?? true,
    onStep: levels.onStep,
    onEpoch: levels.onEpoch,
    reduceFx,
    syncDist: options.syncDist ?? false,
    addDataloaderIdx: options.addDataloaderIdx ?? true,
    dataloaderIdx,
  };
}

/**
 * The levels at which a value logged in a hook is kept.
 * @throws MisconfigurationError where the hook cannot log, or not at that level.
 */
function logLevels(
  hook: string,
  onStep: boolean | undefined,
  onEpoch: boolean | undefined,
): { readonly onStep: boolean; readonly onEpoch: boolean } {
  const rule = rules[hook];
  if (rule === undefined) {
    throw new MisconfigurationError(
      `You can't \`log()\` inside \`${hook}\``,
      "log to the logger itself instead: `this.logger.logMetrics(...)`",
    );
  }
  const step = onStep ?? rule.defaultOnStep;
  const epoch = onEpoch ?? !rule.defaultOnStep;
  if (step && !rule.onStepAllowed) throw notAllowed("onStep", step, hook);
  if (!epoch && rule.onEpochRequired) throw notAllowed("onEpoch", epoch, hook);
  if (!step && !epoch) throw new MisconfigurationError("`log(onStep: false, onEpoch: false)` is not useful");
  return { onStep: step, onEpoch: epoch };
}

function notAllowed(level: string, value: boolean, hook: string): MisconfigurationError {
  return new MisconfigurationError(`You can't \`log(${level}: ${value})\` inside \`${hook}\`, must be ${!value}`);
}

/** @throws LightningError for what is neither a number, a tensor of one element nor a metric object */
function checkValue(name: string, value: unknown): void {
  if (typeof value === "number") return;
  if (typeof value === "object" && value !== null) {
    if (typeof (value as { compute?: unknown }).compute === "function") return;
    const { numel, shape } = value as Partial<Tensor>;
    if (numel === 1) return;
    if (shape !== undefined) {
      throw new LightningError({
        code: "lightning/log-value",
        what: `\`log(${name}, tensor of shape [${shape.join(", ")}])\` was called, but the tensor must have a single element`,
        fix: `log its mean: \`log("${name}", value.mean())\``,
      });
    }
  }
  throw new LightningError({
    code: "lightning/log-value",
    what: `\`log(${name}, ${String(value)})\` was called, but values of type '${typeof value}' cannot be logged`,
  });
}
