import { CtError, maskArgument, plural } from "@classifier-training/base";
import { HydraError } from "../errors.ts";
import { pythonRepr, pythonStr } from "../omegaconf/python-text.ts";
import { selectRaw } from "../omegaconf/select.ts";
import type { JobReturn } from "./task.ts";

/** A job failed; the cause is what its task threw. */
export class JobFailure extends HydraError {
  readonly job: JobReturn;

  constructor(job: JobReturn) {
    const what = `Error executing job with overrides: ${shownOverrides(job.overrides.map(maskArgument))}`;
    super({ code: "hydra/job", what, cause: job.error });
    this.job = job;
  }
}

/** Jobs of a sweep failed; the others of their batch have run all the same. */
export class SweepFailure extends JobFailure {
  readonly succeeded: readonly JobReturn[];
  /** Which jobs failed, when and why, and where the results of the others are. */
  readonly report: string;

  /** @param returned the jobs that ran @param total how many were asked for */
  constructor(returned: readonly JobReturn[], total: number) {
    const failed = returned.filter(({ status }) => status === "FAILED");
    super(failed[0] as JobReturn);
    this.succeeded = returned.filter(({ status }) => status === "COMPLETED");
    // What all jobs have in common is known from the command.
    const common = (override: string) =>
      returned.length > 1 && returned.every(({ overrides }) => overrides.includes(override));
    const jobLine = ({ hydraConfig, overrides }: JobReturn) =>
      `#${pythonStr(selectRaw(hydraConfig, "hydra.job.num"))} ${overrides
        .filter((override) => !common(override))
        .map(maskArgument)
        .join(" ")}`.trimEnd();
    this.report = [
      `${failed.length} of ${plural(total, "job")} failed:`,
      ...failed.map((job) => `  ${jobLine(job)}, at ${clock(job.endedAt)}: ${causeLine(job)}`),
      ...(this.succeeded.length > 0 ? [`${this.succeeded.length} succeeded:`] : []),
      ...this.succeeded.map((job) => `  ${jobLine(job)}, in ${job.outputDir}`),
      ...(returned.length < total ? [`${total - returned.length} did not run`] : []),
    ].join("\n");
  }
}

/** In 120 columns: the user's own come last, and the job's directory has all of them. */
const shownLength = 84;

function shownOverrides(overrides: readonly string[]): string {
  const all = pythonRepr(overrides);
  if (all.length <= shownLength) return all;
  let first = overrides.length;
  while (first > 0 && pythonRepr(overrides.slice(first - 1)).length <= shownLength) first--;
  const left = overrides.length - first;
  return `${pythonRepr(overrides.slice(first))} and ${left} before ${left === 1 ? "it" : "them"}`;
}

/** The first line of what a job threw. */
export function causeLine({ error }: JobReturn): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

function clock(time: Date): string {
  return time.toTimeString().slice(0, 8);
}

/** What a command line says of an error: the sentence alone, or all of it when HYDRA_FULL_ERROR=1. */
export function errorText(error: unknown): string {
  if (process.env["HYDRA_FULL_ERROR"] === "1") {
    return error instanceof Error ? withCauses(error) : String(error);
  }
  if (error instanceof JobFailure) {
    const report = error instanceof SweepFailure ? `\n\n${error.report}` : "";
    return `${error.message}\n${errorText(error.cause)}${report}`;
  }
  if (CtError.is(error)) return (error as Error).message;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `${text}\n\nSet the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.`;
}

function withCauses(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${withCauses(error.cause)}` : own;
}
