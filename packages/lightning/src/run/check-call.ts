import { getLogger } from "@classifier-training/base";
import type { TrainerFn } from "../core/trainer-view.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import type { RunContext } from "./run-context.ts";

const log = getLogger("lightning.trainer");

/**
 * Whether the module can do what is asked of it.
 * @throws MisconfigurationError when it lacks a step, or an option has no meaning for it
 */
export function checkCall(run: RunContext, fn: TrainerFn): void {
  if (fn === "fit") checkFit(run);
  else if (fn !== "predict" && run.module[evaluationSteps[fn]] === undefined) {
    throw new MisconfigurationError(`No \`${evaluationSteps[fn]}()\` method defined to run \`Trainer.${fn}\``);
  }
}

const evaluationSteps = { validate: "validationStep", test: "testStep" } as const;

function checkFit(run: RunContext): void {
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

function checkManualOptimization({ options, optimization }: RunContext): void {
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
