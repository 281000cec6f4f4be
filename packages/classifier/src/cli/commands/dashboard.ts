import { once } from "node:events";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { CtError, expandHome } from "@classifier-training/base";
import { nonNegativeInteger, print, type RegisterCommand } from "../command.ts";

interface DashboardOptions {
  readonly port: number;
  readonly host: string;
  readonly data?: readonly string[];
}

export const registerDashboard: RegisterCommand = (program) => {
  program
    .command("dashboard")
    .description("a page with the curves, images, configuration and notes of all runs")
    .argument("[root]", "folder of the runs", "outputs")
    .option("--port <n>", "port", nonNegativeInteger, 6006)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option(
      "--data <folder>",
      "data of runs, whose images are shown and can be marked, beside what is in this folder; may be repeated",
      (folder: string, before: readonly string[] = []) => [...before, folder],
    )
    .addHelpText("after", "\nExample:\n  classifier dashboard outputs --port 6006 --data ~/photos")
    .action(async (root: string, { port, host, data = [] }: DashboardOptions) => {
      const { startDashboard } = await import("@classifier-training/dashboard");
      const { samplesExtension } = await import("../../studio/samples/samples-extension.ts");
      const samples = samplesExtension({ data: data.map(existing), cwd: process.cwd() });
      const dashboard = await startDashboard({ root, port, host, extensions: [samples] });
      print(`${dashboard.writeUrl}  (Ctrl-C stops it)\n`);
      await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
      await dashboard.close();
    });
};

/** The absolute path of data. @throws CtError when it is not there */
function existing(path: string): string {
  const whole = resolve(expandHome(path));
  if (existsSync(whole)) return whole;
  throw new CtError({ code: "classifier/dashboard", what: "--data: there is nothing at this path", where: whole });
}
