import type { ReproducibilityCheck } from "@classifier-training/lightning";
import { nonNegativeInteger, print, type RegisterCommand } from "../command.ts";
import { exitCode } from "../exit.ts";

export const registerVerify: RegisterCommand = (program, finish) => {
  program
    .command("verify")
    .description("reproducibility check: repeat the start of a run and compare weights, optimizer and random state")
    .argument("<run>", "a run directory, started from scratch")
    .option("--steps <n>", "repeat up to this step", nonNegativeInteger, 200)
    .option("--kill", "kill the repetition once, at a random time, and resume it")
    .addHelpText(
      "after",
      "\nExit codes: 0 equal; 2 different.\n\nExample:\n  classifier verify outputs/2026-01-31/12-00-00 --kill",
    )
    .action(async (path: string, { steps, kill }: { steps: number; kill?: boolean }) => {
      const { findRun } = await import("../../training/named-run.ts");
      const run = await findRun(path);
      const { repeatRun } = await import("../../verify/repeat-run.ts");
      process.stderr.write(`repeating up to step ${steps}${kill ? ", with a kill in between" : ""} ...\n`);
      const verification = await repeatRun(run, { steps, kill: kill === true });
      print(`${describe(verification)}\n`);
      finish(verification.equal ? exitCode.success : exitCode.problemsFound);
    });
};

function describe({ equal, compared, firstDifference, threads }: ReproducibilityCheck): string {
  if (equal) return `equal: ${compared} lines of the determinism log agree bit for bit`;
  const where = `step ${firstDifference?.step} is the first to differ, in ${firstDifference?.parts.join(", ")}`;
  if (threads === undefined) return `DIFFERENT: ${where}`;
  const { at, original, again } = threads;
  return (
    `not comparable: from epoch ${at.epoch}, batch ${at.batch} on the run computed with ${original ?? "?"} threads and the ` +
    `repetition with ${again ?? "?"}, which changes the bits of sums (${where}); use the same OMP_NUM_THREADS`
  );
}
