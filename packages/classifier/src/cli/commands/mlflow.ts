import { plural } from "@classifier-training/base";
import { print, type RegisterCommand } from "../command.ts";

export const registerMlflow: RegisterCommand = (program) => {
  const example = "\nExample:\n  classifier mlflow sync mlruns";
  const mlflow = program.command("mlflow").description("MLflow").addHelpText("after", example);
  mlflow
    .command("sync")
    .description("upload the metrics that a tracking server has not accepted")
    .argument("<path>", "the folder of mlflow-unsent-ID.jsonl files (the logger's save_dir), or one of them")
    .addHelpText("after", example)
    .action(async (path: string) => {
      const { syncMlflow } = await import("@classifier-training/loggers");
      for (const { runId, metrics } of await syncMlflow(path))
        print(`sent ${plural(metrics, "metric")} of run ${runId}\n`);
    });
};
