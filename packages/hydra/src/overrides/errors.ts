import { HydraError } from "../errors.ts";

/** An override that could not be parsed. The message shows it with a caret under the column. */
export class OverrideParseError extends HydraError {
  /** The whole override as it was given. */
  readonly override: string;
  /** Offset into the override at which the problem was noticed. */
  readonly column: number;

  constructor(override: string, column: number, what: string) {
    super({ code: "hydra/override-parse", what });
    this.override = override;
    this.column = column;
  }
}

/** A function of the override grammar refused its arguments. `kind` is the name of Python's exception. */
export class OverrideFunctionError extends HydraError {
  readonly kind: string;

  constructor(kind: string, what: string) {
    super({ code: "hydra/override-function", what });
    this.kind = kind;
  }
}
