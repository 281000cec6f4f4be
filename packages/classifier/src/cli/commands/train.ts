import { CtError, isMainProcess, scratchFolder, setLogLevel } from "@classifier-training/base";
import type { FirstLook, MainResult } from "@classifier-training/hydra";
import type { Command } from "commander";
import type { ClassificationDataModule } from "../../data/classification-datamodule.ts";
import { configFolders } from "../../extensions.ts";
import type { TrainResult } from "../../training/result.ts";
import { print, type RegisterCommand } from "../command.ts";
import { continueWithoutReader, exitCode } from "../exit.ts";

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

/** The `--help` of such a command; with the groups of the chosen configuration. */
export function hydraHelp(usage: string, text: string): string {
  return `Usage: classifier ${usage}

${text}

Overrides: key=value changes, +key=value adds, ~key removes; GROUP=NAME chooses:

$APP_CONFIG_GROUPS
Flags: --config-dir FOLDER and --config-name NAME select a custom configuration (the groups above stay available),
--cfg job shows the configuration, --info explain KEY the origin of a value, --info unused the keys that nothing reads;
--hydra-help lists all.

Exit codes: 0 success; 1 bad input or a failed run; 130 interrupted; 143 terminated.`;
}

/** The root configuration of `classifier train PATH`. */
const photosRoot = "train_photos";

const trainHelp = `With PATH (a folder with one folder of images for each class, ...): trains on these photos with the configuration
${photosRoot}, and chooses from the machine and the data what no override says; time=20m fits the training to the clock.
Without: as the configuration says.

Validates, and exports the best model. The same command resumes an interrupted run; another experiment has its own
checkpoints. resume=false starts anew, resume=true resumes whatever checkpoints/ holds.

Examples:
  classifier train ./photos
  classifier train ./photos time=20m
  classifier train ./photos model=resnet34 data.image_size=128
  classifier train data.data_root=photos transforms=default model.pretrained=false data.image_size=64 logging=none
  classifier train --config-dir conf --config-name train_jersey_ocr_resnet18_local data.data_root=data
  classifier train -m model=resnet18,resnet34 data.data_root=photos
  classifier train --cfg job`;

const demoHelp = `Renders a dataset of jersey numbers into data/, trains on it, exports the model and uses it.

Examples:
  classifier demo
  classifier demo trainer.max_epochs=2`;

export async function runTraining(
  name: "train" | "demo",
  configName: string,
  argv: readonly string[],
): Promise<MainResult<TrainResult>> {
  continueWithoutReader();
  const hydraMain = await openHydra();
  const data = name === "train" ? (await import("../data-path.ts")).takeDataPath(argv) : undefined;
  let opened: ClassificationDataModule | undefined;
  const result = await hydraMain<TrainResult>(
    {
      fallbackPath: configFolders(),
      configName: data === undefined ? configName : photosRoot,
      jobName: "train",
      program: `classifier ${name}`,
      helpTemplate: hydraHelp(
        `${name} ${name === "train" ? "[PATH] " : ""}[overrides...] [flags]`,
        name === "train" ? trainHelp : demoHelp,
      ),
      argv: await asRank((data?.argv ?? argv).map(withResume)),
      options: async (mapping) => (await import("../../training/groups.ts")).optionsOf(mapping),
      check: async (config) => (await import("../../training/groups.ts")).checkConfig(config),
      ...(await import("../../training/claim-run.ts")).directoryClaims({ mayResume: true }),
      decide: async (given: FirstLook) => {
        const ofFile = await decideFileSize(given);
        if (data === undefined) return ofFile;
        const look = { ...given, overrides: [...ofFile, ...given.overrides] };
        const decided = await (await import("../../training/decide-photos.ts")).decideTraining(data, look);
        opened = decided.opened;
        return [...ofFile, ...decided.overrides];
      },
      dryRun: async (config, job) => (await import("../../training/train.ts")).dryRun(config, job),
    },
    async (config, job) => (await import("../../training/train.ts")).train(config, job, opened),
  );
  if (name === "train" && data === undefined && isWithoutData(result.error))
    process.stderr.write("\nA path is all that photos need: classifier train PATH\n");
  return { ...result, exitCode: withoutUsageCode(result.exitCode) };
}

/** What a model file decides of the configuration, where there is one. */
export async function decideFileSize(look: FirstLook): Promise<readonly string[]> {
  return (await import("../../training/file-size.ts")).decideFileSize(look);
}

/** Whether a job has failed because its data root is not there. */
function isWithoutData(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return CtError.is(cause) && cause.code === "vision/data-root-missing";
}

/** `resume` is a key of this product: configurations without it accept it as well. */
function withResume(override: string): string {
  return override.startsWith("resume=") ? `++${override}` : override;
}

/** Hydra exits with 2 for an unknown flag; here 2 means that a check found problems. */
export function withoutUsageCode(code: number): number {
  return code === exitCode.problemsFound ? exitCode.failure : code;
}

/** The arguments for this process: a rank that is not the first of a distributed run leaves no run directory behind. */
export async function asRank(argv: readonly string[]): Promise<readonly string[]> {
  if (isMainProcess()) return argv;
  const { rmSync } = await import("node:fs");
  setLogLevel("WARNING");
  const scratch = scratchFolder("rank");
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
  const { textOverride } = await import("@classifier-training/hydra");
  const folders = ["hydra.run.dir", "hydra.sweep.dir"].map((key) => textOverride(key, scratch));
  return [...argv, ...folders, "hydra.output_subdir=null"];
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
      const { exitCode: code, jobs } = await runTraining("train", "train_basketball_resnet18", overrides);
      finish(code);
      if (jobs.length === 0) return;
      if (!isMainProcess()) return;
      const done = jobs.flatMap(({ value, overrides }) => (value === undefined ? [] : [{ result: value, overrides }]));
      const { describeResult, nextCommands } = await import("../describe-result.ts");
      const [first] = done;
      if (done.length > 1) print((await import("../describe-sweep.ts")).describeSweep(done));
      else if (first !== undefined) print(describeResult(first.result, nextCommands(first.result)));
    },
  );
};
