import { print, type RegisterCommand } from "../command.ts";

export const registerWandb: RegisterCommand = (program) => {
  const wandb = program
    .command("wandb")
    .description("Weights & Biases")
    .addHelpText("after", "\nExample:\n  classifier wandb sync outputs/2026-01-31/12-00-00/wandb");
  wandb
    .command("sync")
    .description("upload offline runs")
    .argument("<dir>", "a run's folder, its .wandb file, or a folder of runs")
    .option("--entity <name>", "instead of the run's own")
    .option("--project <name>", "instead of the run's own")
    .addHelpText(
      "after",
      "\nThe key comes from WANDB_API_KEY or ~/.netrc.\n\nExample:\n  classifier wandb sync outputs/2026-01-31/12-00-00/wandb",
    )
    .action(async (dir: string, options: { entity?: string; project?: string }) => {
      const { syncWandb } = await import("@classifier-training/loggers");
      for (const { logPath, outcome } of await syncWandb(dir, options)) print(`${outcome.padEnd(8)} ${logPath}\n`);
    });
};
