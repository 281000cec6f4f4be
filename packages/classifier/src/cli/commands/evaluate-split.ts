import { configFolders } from "../../extensions.ts";
import type { RegisterCommand } from "../command.ts";
import { asRank, decideFileSize, hydraCommand, hydraHelp, openHydra, withoutUsageCode } from "./train.ts";

/** `validate` and `test`: the metrics of a checkpoint on one split. */
export const registerEvaluateSplit: RegisterCommand = (program, finish) => {
  for (const fn of ["validate", "test"] as const) {
    const split = fn === "validate" ? "validation" : "test";
    hydraCommand(program, fn, `evaluate a checkpoint on the ${split} split: [RUN] [--ckpt PATH] [overrides...]`).action(
      async (given: string[]) => {
        const hydraMain = await openHydra();
        const { findRun } = await import("../../training/named-run.ts");
        const { ckpt, rest } = takeCheckpoint(given);
        const { path, others } = takeRun(rest);
        const run = path === undefined ? undefined : await findRun(path);
        const argv = run === undefined ? others : [...run.configArguments, ...others];
        const { exitCode } = await hydraMain(
          {
            fallbackPath: configFolders(),
            configName: "train_basketball_resnet18",
            jobName: fn,
            program: `classifier ${fn}`,
            helpTemplate: hydraHelp(`${fn} [RUN] [--ckpt PATH] [overrides...] [flags]`, helpOf(fn, split)),
            argv: await asRank(argv),
            decide: decideFileSize,
            options: async (mapping) => (await import("../../training/groups.ts")).optionsOf(mapping),
            ...(await import("../../training/claim-run.ts")).directoryClaims({ mayResume: false }),
          },
          async (config, job) =>
            (await import("../../training/evaluate-config.ts")).evaluateConfig(config, job, fn, {
              checkpoint: ckpt,
              run: run?.dir,
            }),
        );
        finish(withoutUsageCode(exitCode));
      },
    );
  }
};

function helpOf(fn: string, split: string): string {
  return `Evaluates a checkpoint on the ${split} split: metrics, reports and images go to a run directory of their own.
RUN is a run directory, whose configuration and best checkpoint are used; by default those of the configuration.

Examples:
  classifier ${fn} outputs/2026-01-31/12-00-00
  classifier ${fn} --ckpt checkpoints/last.ckpt data.data_root=photos
  classifier ${fn} outputs/2026-01-31/12-00-00 data.data_root=other-photos`;
}

/** Takes the run out of the arguments: a word that is neither an override nor a flag or its value. */
function takeRun(given: readonly string[]): { path: string | undefined; others: string[] } {
  const takesValue = /^(--(cfg|package|config-path|config-name|config-dir|info)|-(c|p|cp|cn|cd|i))$/;
  const at = given.findIndex(
    (word, i) => !/[=]|^[-~+]/.test(word) && !takesValue.test(given[i - 1] ?? "") && word !== "",
  );
  return { path: given[at], others: given.filter((_, i) => i !== at) };
}

/** Takes `--ckpt PATH` out of the arguments; the rest is Hydra's. */
function takeCheckpoint(given: readonly string[]): { ckpt: string | undefined; rest: string[] } {
  const at = given.findIndex((argument) => argument === "--ckpt" || argument.startsWith("--ckpt="));
  const found = given[at];
  if (found === undefined) return { ckpt: undefined, rest: [...given] };
  const inline = found.startsWith("--ckpt=");
  const rest = given.filter((_, i) => i !== at && (inline || i !== at + 1));
  return { ckpt: inline ? found.slice("--ckpt=".length) : given[at + 1], rest };
}
