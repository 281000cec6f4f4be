import { CtError, maskArgument } from "@classifier-training/base";
import { HydraError } from "../errors.ts";
import { pythonRepr } from "../omegaconf/python-text.ts";
import type { JobReturn } from "./job.ts";

/** A job failed; the cause is what its task threw. */
export class JobFailure extends HydraError {
  readonly job: JobReturn;

  constructor(job: JobReturn) {
    const overrides = pythonRepr(job.overrides.map(maskArgument));
    super({ code: "hydra/job", what: `Error executing job with overrides: ${overrides}`, cause: job.error });
    this.job = job;
  }
}

/** What a command line says of an error: the sentence alone, or all of it when HYDRA_FULL_ERROR=1. */
export function errorText(error: unknown): string {
  if (process.env["HYDRA_FULL_ERROR"] === "1") {
    return error instanceof Error ? withCauses(error) : String(error);
  }
  if (error instanceof JobFailure) return `${error.message}\n${errorText(error.cause)}`;
  if (CtError.is(error)) return (error as Error).message;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `${text}\n\nSet the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.`;
}

function withCauses(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${withCauses(error.cause)}` : own;
}
