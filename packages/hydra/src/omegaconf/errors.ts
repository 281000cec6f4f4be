import { HydraError } from "../errors.ts";
import type { Origin } from "./origin.ts";
import { originText } from "./origin.ts";

/** What an error of a configuration is about. */
export interface ConfigProblem {
  readonly what: string;
  /** Full key of the value, such as `model.layers[0].size`. */
  readonly fullKey?: string | undefined;
  readonly origin?: Origin | undefined;
  readonly fix?: string | undefined;
  readonly cause?: unknown;
}

function where({ fullKey, origin }: ConfigProblem): string | undefined {
  const key = fullKey ? `key '${fullKey}'` : undefined;
  const place = origin === undefined ? undefined : originText(origin);
  return [key, place].filter(Boolean).join(", ") || undefined;
}

/** An error of a configuration: its message says what, at which key and in which file, and what to do. */
export class ConfigError extends HydraError {
  readonly fullKey: string | undefined;
  readonly origin: Origin | undefined;

  constructor(problem: ConfigProblem, code = "hydra/config") {
    super({ code, what: problem.what, where: where(problem), fix: problem.fix, cause: problem.cause });
    this.fullKey = problem.fullKey;
    this.origin = problem.origin;
  }
}

/** A key that is not there. */
export class ConfigKeyError extends ConfigError {}
/** A key that a struct or a schema does not have. */
export class ConfigAttributeError extends ConfigKeyError {}
export class ConfigIndexError extends ConfigError {}
/** An operation that this kind of node does not support. */
export class ConfigTypeError extends ConfigError {}
export class ConfigValueError extends ConfigError {}
/** A value that its schema refuses. */
export class ValidationError extends ConfigValueError {}
export class UnsupportedValueType extends ValidationError {}
export class KeyValidationError extends ValidationError {}
/** A `???` was read. */
export class MissingMandatoryValue extends ConfigError {}
export class ReadonlyConfigError extends ConfigError {}
/** An interpolation that is not well-formed; `column` counts from 0 within its text. */
export class GrammarParseError extends ConfigError {
  readonly column: number;

  constructor(problem: ConfigProblem & { readonly column: number }) {
    super(problem, "hydra/interpolation");
    this.column = problem.column;
  }
}
export class InterpolationResolutionError extends ConfigError {}
export class InterpolationKeyError extends InterpolationResolutionError {}
export class InterpolationToMissingValueError extends InterpolationResolutionError {}
export class InterpolationValidationError extends InterpolationResolutionError {}
export class UnsupportedInterpolationType extends InterpolationResolutionError {}
