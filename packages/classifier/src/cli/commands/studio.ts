import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { CtError, expandHome, shellWord } from "@classifier-training/base";
import { isFolder } from "@classifier-training/image/files";
import { nonNegativeInteger, print, type RegisterCommand } from "../command.ts";

interface StudioOptions {
  readonly runs: string;
  readonly port: number;
}

export const registerStudio: RegisterCommand = (program) => {
  program
    .command("studio")
    .description("a page to import, label and split images, and to train on them")
    .argument("<folder>", "folder of the images; made when it is missing")
    .option("--runs <folder>", "folder of the runs", "outputs")
    .option("--port <n>", "port; 0 takes a free one", nonNegativeInteger, 6007)
    .addHelpText(
      "after",
      `
The page is for this machine and for whoever has its address. Images are never changed: labels are written to
FOLDER/.classifier/edits.jsonl, and each of them can be undone.

Example:
  classifier studio photos`,
    )
    .action(async (given: string, { runs, port }: StudioOptions) => {
      const folder = prepared(expandHome(given));
      const { startDashboard } = await import("@classifier-training/dashboard");
      const { studioExtension } = await import("../../studio/studio-extension.ts");
      const { jobsExtension } = await import("../../studio/jobs/extension.ts");
      const { samplesExtension } = await import("../../studio/samples/samples-extension.ts");
      const jobs = jobsExtension({ folder: resolve(folder), runs: resolve(runs) });
      const samples = samplesExtension({ data: [resolve(folder)], cwd: process.cwd() });
      const extensions = [studioExtension(folder), jobs, samples];
      const dashboard = await startDashboard({ root: runs, port, extensions });
      print(`${dashboard.writeUrl}  (open it in a browser; Ctrl-C stops it)\n`);
      await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
      const training = jobs.training();
      await dashboard.close();
      if (training !== undefined)
        print(
          `the training continues (process ${training.pid}): classifier studio ${shellWord(given)} shows it again\n`,
        );
    });
};

/** The folder, made when it is missing. @throws CtError when it is a file, or cannot be made */
function prepared(folder: string): string {
  if (isFolder(folder)) return folder;
  const problem = (what: string, cause?: unknown) =>
    new CtError({ code: "classifier/studio", what, fix: "give a folder of images, or the name of a new one", cause });
  if (existsSync(folder)) throw problem(`expected a folder, received the file ${folder}`);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw problem(`the folder ${folder} cannot be made: ${(cause as Error).message}`, cause);
  }
  print(`made the folder ${resolve(folder)}\n`);
  return folder;
}
