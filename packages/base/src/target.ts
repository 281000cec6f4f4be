import { CtError } from "./errors.ts";
import { registerOptionNames, withYamlSpelling } from "./option-names.ts";
import { camelCase, snakeCase, suggestion } from "./text.ts";

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

/** What `optionsTarget` needs of a schema: zod's `strictObject` has it, and base need not depend on zod. */
export interface OptionsSchema<Options> {
  readonly shape: Readonly<Record<string, unknown>>;
  parse(value: unknown): Options;
}

/**
 * The target of a class or function that takes one options object. Top-level snake_case keywords become the schema's
 * camelCase keys (nested values are left as they are), positional arguments go by the order of the schema's keys, and
 * the schema checks the whole.
 * @throws CtError `target/options` for an unknown keyword (naming the nearest), one given twice, too many positional
 * arguments, and values that the schema refuses (its own error, when that is a CtError already, passes through).
 */
export function optionsTarget<Options>(schema: OptionsSchema<Options>, create: (options: Options) => unknown): Target {
  const keys = Object.keys(schema.shape);
  const optionNames = keys.map(snakeCase);
  registerOptionNames(keys);
  const keyOf = new Map<string, string>();
  for (const [i, key] of keys.entries()) {
    keyOf.set(key, key);
    keyOf.set(optionNames[i] as string, key);
  }
  return {
    optionNames,
    invoke(args, kwargs) {
      if (args.length > keys.length) {
        throw optionsError(
          `${args.length} positional arguments given, at most ${keys.length} are taken`,
          `the options are: ${optionNames.join(", ")}`,
        );
      }
      const options: Record<string, unknown> = {};
      for (const [i, value] of args.entries()) options[keys[i] as string] = value;
      for (const [name, value] of Object.entries(kwargs)) {
        const key = keyOf.get(name) ?? keyOf.get(camelCase(name));
        if (key === undefined) throw optionsError(`unknown option '${name}'`, suggestion(name, optionNames));
        if (key in options) throw optionsError(`option '${name}' is given twice`, "give it once");
        options[key] = value;
      }
      return withYamlSpelling(() => create(parse(schema, options)));
    },
  };
}

interface SchemaIssue {
  readonly path?: readonly PropertyKey[];
  readonly message?: string;
}

function parse<Options>(schema: OptionsSchema<Options>, options: unknown): Options {
  try {
    return schema.parse(options);
  } catch (error) {
    const issues = (error as { issues?: readonly SchemaIssue[] } | null)?.issues;
    if (CtError.is(error) || !Array.isArray(issues)) throw error;
    const lines = (issues as readonly SchemaIssue[]).map(({ path = [], message = "is not valid" }) => {
      const [top, ...rest] = path.map(String);
      return top === undefined ? message : `${[snakeCase(top), ...rest].join(".")}: ${message}`;
    });
    throw optionsError(lines.join("\n"), undefined, error);
  }
}

function optionsError(what: string, fix?: string, cause?: unknown): CtError {
  return new CtError({ code: "target/options", what, fix, cause });
}
