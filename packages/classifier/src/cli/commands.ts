import type { Command } from "commander";
import { registerBundle } from "./commands/bundle.ts";
import { registerCheckpoint } from "./commands/checkpoint.ts";
import { registerCompare } from "./commands/compare.ts";
import { registerDashboard } from "./commands/dashboard.ts";
import { registerData } from "./commands/data.ts";
import { registerDemo } from "./commands/demo.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerEvaluate } from "./commands/evaluate.ts";
import { registerEvaluateSplit } from "./commands/evaluate-split.ts";
import { registerExport } from "./commands/export.ts";
import { registerInit } from "./commands/init.ts";
import { registerMlflow } from "./commands/mlflow.ts";
import { registerPredict } from "./commands/predict.ts";
import { registerSynth } from "./commands/synth.ts";
import { registerTrain } from "./commands/train.ts";
import { registerVerify } from "./commands/verify.ts";
import { registerWandb } from "./commands/wandb.ts";

/** Adds a command to the program; the command hands its exit code to `finish`. */
export type RegisterCommand = (program: Command, finish: (exitCode: number) => void) => void;

/** Every command, in the order of `--help`. */
export const commands: readonly RegisterCommand[] = [
  registerInit,
  registerTrain,
  registerEvaluateSplit,
  registerPredict,
  registerEvaluate,
  registerCompare,
  registerExport,
  registerBundle,
  registerData,
  registerSynth,
  registerCheckpoint,
  registerVerify,
  registerDashboard,
  registerWandb,
  registerMlflow,
  registerDemo,
  registerDoctor,
];
