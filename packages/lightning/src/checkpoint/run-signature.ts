import { LightningError } from "../utilities/errors.ts";
import type { CheckpointSummary } from "./format.ts";

/** What must be equal for a checkpoint to be resumed, as the module and the data describe it. */
export type RunSignature = Readonly<Record<string, unknown>>;

/** The run that a fit belongs to, for a program that keeps records of runs. */
export interface RunIdentity {
  /** Unique to this run; carried by every checkpoint that it writes. */
  readonly id: string;
  /** The run's configuration, carried beside the signatures of the module and the data. */
  readonly signature: RunSignature;
  /** Whether `ckptPath: "last"` may resume a checkpoint; it decides in place of the comparison of run signatures. */
  readonly resumes: (summary: CheckpointSummary) => boolean;
}

/**
 * Refuses to resume another run.
 * @throws LightningError `checkpoint/other-run` naming what differs
 */
export function checkRunSignature(saved: RunSignature | undefined, current: RunSignature, path: string): void {
  if (saved === undefined) return;
  const found = signatureDifferences(saved, current);
  if (found.length === 0) return;
  throw new LightningError({
    code: "checkpoint/other-run",
    what: `the checkpoint belongs to another run: ${firstOf(found)}`,
    where: path,
    fix: "remove or move the checkpoint folder to start from scratch, give another one, or restore the configuration",
  });
}

/**
 * What differs between two run signatures, as `KEY was X and is Y`. A key that only one of them has is ignored (a version
 * may add some); within a nested record it is a difference.
 */
export function signatureDifferences(saved: RunSignature, current: RunSignature): string[] {
  const common = (record: RunSignature) =>
    Object.fromEntries(Object.entries(record).filter(([key]) => key in saved && key in current));
  return differences(common(saved), common(current), (key, was, is) => `${key} was ${was} and is ${is}`);
}

/** The first few of a list of differences, and how many more there are. */
export function firstOf(found: readonly string[]): string {
  const more = found.length > 3 ? `; and ${found.length - 3} more` : "";
  return `${found.slice(0, 3).join("; ")}${more}`;
}

/** One text for each entry in which two records differ, with the path of its keys. */
export function differences(
  a: unknown,
  b: unknown,
  describe: (path: string, a: string, b: string) => string,
  path = "",
): string[] {
  if (isRecord(a) && isRecord(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => differences(a[key], b[key], describe, path === "" ? key : `${path}.${key}`));
  }
  return JSON.stringify(a) === JSON.stringify(b) ? [] : [describe(path, show(a), show(b))];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "not set";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
