import { once } from "node:events";
import { nonNegativeInteger, print, type RegisterCommand } from "../command.ts";

export const registerDashboard: RegisterCommand = (program) => {
  program
    .command("dashboard")
    .description("a page with the curves, images, configuration and notes of all runs")
    .argument("[root]", "folder of the runs", "outputs")
    .option("--port <n>", "port", nonNegativeInteger, 6006)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .addHelpText("after", "\nExample:\n  classifier dashboard outputs --port 6006")
    .action(async (root: string, { port, host }: { port: number; host: string }) => {
      const { startDashboard } = await import("@classifier-training/dashboard");
      const dashboard = await startDashboard({ root, port, host });
      print(`${dashboard.writeUrl}  (Ctrl-C stops it)\n`);
      await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
      await dashboard.close();
    });
};
