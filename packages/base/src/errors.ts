import { spellOptions } from "./option-names.ts";
import { printable } from "./text.ts";

/** The parts of an error message: what was wrong, where (file, key, line), and what to do about it. */
export interface Problem {
  /** A stable identifier, `area/kind`, for programs. */
  readonly code: string;
  readonly what: string;
  readonly where?: string | undefined;
  readonly fix?: string | undefined;
  readonly cause?: unknown;
}

const marker: symbol = Symbol.for("classifier-training.error");

/**
 * An error raised on purpose: its message is a clear sentence, and a command line shows it without a stack trace.
 * `CtError.is` also recognizes one that comes from another copy of this package.
 */
export class CtError extends Error {
  readonly code: string;
  readonly problem: Problem;

  constructor(problem: Problem) {
    const { where, cause } = problem;
    const what = spellOptions(problem.what);
    const fix = problem.fix && spellOptions(problem.fix);
    // Names of files and classes, and what servers answer, are other people's text.
    const text = printable([what, where && `  where: ${where}`, fix && `  fix: ${fix}`].filter(Boolean).join("\n"));
    super(text, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = problem.code;
    this.problem = { ...problem, what, fix };
    Object.defineProperty(this, marker, { value: true });
  }

  static is(error: unknown): error is CtError {
    return typeof error === "object" && error !== null && marker in error;
  }
}

/** An error that only a defect of this project can cause. */
export function internalError(what: string, cause?: unknown): CtError {
  return new CtError({
    code: "internal",
    what: `internal: ${what}`,
    fix: "this is a defect of classifier-training: please report it with the command that you ran",
    cause,
  });
}
