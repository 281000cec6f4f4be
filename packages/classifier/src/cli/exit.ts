import { CtError, maskText, printable } from "@classifier-training/base";
import { CommanderError } from "commander";
import { missingPackage } from "./missing-package.ts";

export const exitCode = { success: 0, failure: 1, problemsFound: 2, closedPipe: 141 } as const;

/**
 * Writes an error and returns the exit code. An expected error is one message; a stack trace follows only with
 * HYDRA_FULL_ERROR=1, or for a defect.
 */
export function reportFailure(thrown: unknown): number {
  const error = missingPackage(thrown) ?? thrown;
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.success : exitCode.failure;
  const full = process.env["HYDRA_FULL_ERROR"] === "1";
  process.stderr.write(`${maskText(printable(full || !CtError.is(error) ? describe(error) : error.message))}\n`);
  if (CtError.is(error) && !full) process.stderr.write("\nSet HYDRA_FULL_ERROR=1 for the stack trace.\n");
  return exitCode.failure;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

let needsReader = true;
let listens = false;

/** From now on the command runs to its end whether its output is read or not. */
export function continueWithoutReader(): void {
  needsReader = false;
}

/** `classifier predict ... | head` closes the pipe early: the command ends silently, as with SIGPIPE. */
export function endQuietlyOnClosedPipe(): void {
  if (listens) return;
  listens = true;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (!needsReader) return;
      if (error.code === "EPIPE") process.exit(exitCode.closedPipe);
      throw error;
    });
  }
}
