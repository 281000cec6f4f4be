import type { RegisterCommand } from "./command.ts";
import { registerBundle } from "./commands/bundle.ts";
import { registerCheckpoint } from "./commands/checkpoint.ts";
import { registerDashboard } from "./commands/dashboard.ts";
import { registerData } from "./commands/data.ts";
import { registerDemo } from "./commands/demo.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerEvaluate } from "./commands/evaluate.ts";
import { registerEvaluateSplit } from "./commands/evaluate-split.ts";
import { registerExport } from "./commands/export.ts";
import { registerInit } from "./commands/init.ts";
import { registerMlflow } from "./commands/mlflow.ts";
import { registerModel } from "./commands/model.ts";
import { registerPredict } from "./commands/predict.ts";
import { registerSetup } from "./commands/setup.ts";
import { registerStudio } from "./commands/studio.ts";
import { registerSynth } from "./commands/synth.ts";
import { registerTrain } from "./commands/train.ts";
import { registerVerify } from "./commands/verify.ts";
import { registerWandb } from "./commands/wandb.ts";

/** Every command, in the order of `--help`. */
export const commands: readonly RegisterCommand[] = [
  registerInit,
  registerTrain,
  registerEvaluateSplit,
  registerPredict,
  registerEvaluate,
  registerExport,
  registerBundle,
  registerData,
  registerSynth,
  registerModel,
  registerCheckpoint,
  registerVerify,
  registerDashboard,
  registerStudio,
  registerWandb,
  registerMlflow,
  registerDemo,
  registerSetup,
  registerDoctor,
];
