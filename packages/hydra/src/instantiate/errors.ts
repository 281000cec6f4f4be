import { CtError } from "@classifier-training/base";
import { ConfigError, type ConfigProblem } from "../omegaconf/errors.ts";

/** An object of a configuration could not be made; `fullKey` says which. */
export class InstantiationError extends ConfigError {
  constructor(problem: ConfigProblem) {
    super(problem, "hydra/instantiate");
  }
}

/** What an error says, with the place it names, to be put into another message. */
export function causeText(error: unknown): { what: string; fix: string | undefined } {
  if (CtError.is(error)) {
    const { what, where, fix } = error.problem;
    return { what: where === undefined ? what : `${what} (${where})`, fix };
  }
  return { what: error instanceof Error ? `${error.name}: ${error.message}` : String(error), fix: undefined };
}
