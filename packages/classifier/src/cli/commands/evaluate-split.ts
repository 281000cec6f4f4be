import type { RegisterCommand } from "../commands.ts";
import { confDir, hydraCommand, openHydra } from "./train.ts";

/** `validate` and `test`: the metrics of a checkpoint on one split. */
export const registerEvaluateSplit: RegisterCommand = (program, finish) => {
  for (const fn of ["validate", "test"] as const) {
    const split = fn === "validate" ? "validation" : "test";
    hydraCommand(program, fn, `measure a checkpoint on the ${split} split: [RUN] [--ckpt PATH] [overrides...]`).action(
      async (given: string[]) => {
        const hydraMain = await openHydra();
        const { findRun } = await import("../run-directory.ts");
        const { ckpt, rest } = takeCheckpoint(given);
        const run = rest[0] === undefined || rest[0].includes("=") ? undefined : findRun(rest[0]);
        const argv = run === undefined ? rest : [...run.configArguments, ...rest.slice(1)];
        const { exitCode } = await hydraMain(
          {
            fallbackPath: confDir,
            configName: "train_basketball_resnet18",
            jobName: fn,
            program: `classifier ${fn}`,
            argv,
          },
          async (config, job) =>
            (await import("../../training/evaluate-config.ts")).evaluateConfig(
              config,
              job,
              fn,
              ckpt ?? run?.checkpoint,
            ),
        );
        finish(exitCode);
      },
    );
  }
};

/** Takes `--ckpt PATH` out of the arguments; the rest is Hydra's. */
function takeCheckpoint(given: readonly string[]): { ckpt: string | undefined; rest: string[] } {
  const at = given.findIndex((argument) => argument === "--ckpt" || argument.startsWith("--ckpt="));
  const found = given[at];
  if (found === undefined) return { ckpt: undefined, rest: [...given] };
  const inline = found.startsWith("--ckpt=");
  const rest = given.filter((_, i) => i !== at && (inline || i !== at + 1));
  return { ckpt: inline ? found.slice("--ckpt=".length) : given[at + 1], rest };
}
