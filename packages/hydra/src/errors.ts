import { CtError, type Problem } from "@classifier-training/base";

/** Base of every error that this package raises on purpose; a command line shows it without a stack trace. */
export class HydraError extends CtError {}

/** A configuration could not be composed: defaults list, overrides or a merge. */
export class ConfigCompositionError extends HydraError {
  constructor(what: string, more: Omit<Problem, "code" | "what"> = {}) {
    super({ code: "hydra/composition", what, ...more });
  }
}

/** A config or config group option that no entry of the search path has. */
export class MissingConfigError extends ConfigCompositionError {
  readonly missingConfig: string | undefined;
  /** What the config group does have. */
  readonly options: readonly string[];

  constructor(what: string, missingConfig: string | undefined, options: readonly string[] = []) {
    super(what);
    this.missingConfig = missingConfig;
    this.options = options;
  }
}

/** A config file or store entry that exists but cannot be loaded. */
export class ConfigLoadError extends HydraError {
  constructor(what: string, more: Omit<Problem, "code" | "what"> = {}) {
    super({ code: "hydra/config-load", what, ...more });
  }
}

/** Several things that are wrong at once: the message says them all. */
export class ManyProblemsError extends ConfigCompositionError {
  readonly problems: readonly CtError[];

  constructor(problems: readonly CtError[]) {
    const texts = problems.map(({ message }) => message.trimEnd());
    super(`${texts.join("\n\n")}\n\nThere are ${problems.length} problems.`);
    this.problems = problems;
  }
}

/** Throws what was collected: nothing, the one error itself, or all of them together. */
export function throwCollected(problems: readonly CtError[]): void {
  const [only] = problems;
  if (only === undefined) return;
  throw problems.length === 1 ? only : new ManyProblemsError(problems);
}
