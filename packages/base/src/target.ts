/**
 * What a `_target_` name of a configuration stands for. Packages list theirs in plain tables (`targets`), and the
 * configuration layer looks names up there: it never imports what a configuration names.
 */
export interface Target {
  /** Option names as YAML writes them (snake_case), in positional order; absent when any keyword is accepted. */
  readonly optionNames?: readonly string[];
  /** Calls it, with keyword arguments as YAML writes them. */
  invoke(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown;
}

/** Targets by their dotted names. */
export type TargetTable = Readonly<Record<string, Target>>;
