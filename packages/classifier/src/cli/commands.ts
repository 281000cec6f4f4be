import type { Command } from "commander";
import { registerDemo } from "./commands/demo.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerPredict } from "./commands/predict.ts";
import { registerSynth } from "./commands/synth.ts";
import { registerTrain } from "./commands/train.ts";

/** Adds a command to the program; the command hands its exit code to `finish`. */
export type RegisterCommand = (program: Command, finish: (exitCode: number) => void) => void;

/** Every command, in the order of `--help`. */
export const commands: readonly RegisterCommand[] = [
  registerTrain,
  registerPredict,
  registerSynth,
  registerDemo,
  registerDoctor,
];
