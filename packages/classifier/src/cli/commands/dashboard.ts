import { once } from "node:events";
import type { RegisterCommand } from "../commands.ts";
import { print } from "../print.ts";
import { wholeNumber } from "../whole-number.ts";

export const registerDashboard: RegisterCommand = (program) => {
  program
    .command("dashboard")
    .description("a page with the curves, pictures and configuration of all runs")
    .argument("[root]", "the folder of the runs", "outputs")
    .option("--port <n>", "where to listen", wholeNumber, 6006)
    .option("--host <address>", "on which address", "127.0.0.1")
    .addHelpText("after", "\nExample:\n  classifier dashboard outputs --port 6006")
    .action(async (root: string, { port, host }: { port: number; host: string }) => {
      const { startDashboard } = await import("@classifier-training/dashboard");
      const dashboard = await startDashboard({ root, port, host });
      print(`${dashboard.url}  (Ctrl-C ends it)\n`);
      await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
      await dashboard.close();
    });
};
