import { MisconfigurationError } from "../utilities/errors.ts";

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
 * The levels at which a value logged in a hook is kept.
 * @throws MisconfigurationError where the hook cannot log, or not at that level.
 */
export function logLevels(
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
