import type { MainResult } from "@classifier-training/hydra";
import type { Command } from "commander";
import type { TrainResult } from "../../training/train.ts";
import type { RegisterCommand } from "../commands.ts";
import { describeResult } from "../describe-result.ts";

/** The configuration that the product ships. */
export const confDir = new URL("../../../conf/", import.meta.url).pathname;

/** A command whose arguments are Hydra's: overrides and flags. */
export function hydraCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument("[overrides...]", "Hydra overrides and flags: data.batch_size=32, --cfg job, -m, --help")
    .allowUnknownOption()
    .helpOption(false)
    .passThroughOptions();
}

export async function runTraining(configName: string, argv: readonly string[]): Promise<MainResult<TrainResult>> {
  const hydraMain = await openHydra();
  return hydraMain<TrainResult>(
    {
      fallbackPath: confDir,
      configName,
      jobName: "train",
      program: "classifier train",
      argv,
      dryRun: async (config, job) => (await import("../../training/train.ts")).dryRun(config, job),
    },
    async (config, job) => (await import("../../training/train.ts")).train(config, job),
  );
}

/** Hydra, knowing everything that a configuration may name; loaded when a command needs it, not for `--help`. */
export async function openHydra() {
  const { main } = await import("@classifier-training/hydra");
  (await import("../../registry.ts")).registerAll();
  await (await import("../../plugins.ts")).loadPlugins();
  return main;
}

export const registerTrain: RegisterCommand = (program, finish) => {
  hydraCommand(program, "train", "train a classifier, validate it, export the best").action(
    async (overrides: string[]) => {
      const { exitCode, jobs } = await runTraining("train_basketball_resnet18", overrides);
      for (const job of jobs) if (job.value !== undefined) process.stdout.write(describeResult(job.value));
      finish(exitCode);
    },
  );
};
