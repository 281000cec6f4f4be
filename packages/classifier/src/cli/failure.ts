import { CtError, maskText, printable } from "@classifier-training/base";
import { CommanderError } from "commander";

export const exitCode = { success: 0, failure: 1, problemsFound: 2, closedPipe: 141 } as const;

/**
 * Writes what went wrong and returns the exit code. An error raised on purpose is a sentence; a stack trace follows
 * only with HYDRA_FULL_ERROR=1, or when the error is a defect.
 */
export function reportFailure(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.success : exitCode.failure;
  const full = process.env["HYDRA_FULL_ERROR"] === "1";
  process.stderr.write(`${maskText(printable(full || !CtError.is(error) ? describe(error) : error.message))}\n`);
  if (CtError.is(error) && !full) process.stderr.write("\nSet HYDRA_FULL_ERROR=1 for the stack trace.\n");
  return exitCode.failure;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
