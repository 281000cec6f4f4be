import { CtError, type Problem } from "./errors.ts";
import { withYamlSpelling } from "./option-names.ts";
import { parseOptions, receivedText, type Schema } from "./options.ts";
import { camelCaseKeys, givenTwice, keyNamed, keysOf, registerSchemaNames } from "./schema.ts";
import { snakeCase, suggestion } from "./text.ts";

/**
 * What a `_target_` name of a configuration stands for. Packages list theirs in plain tables (`targets`), and the
 * configuration layer looks names up there: it never imports what a configuration names.
 */
export interface Target {
  /** Option names as YAML writes them (snake_case), in positional order; absent when any keyword is accepted. */
  readonly optionNames?: readonly string[];
  /** The keys of an option that is an object, as YAML writes them. */
  nestedNames?(option: string): readonly string[];
  /** Options of the Python class without a counterpart here, under the names that YAML writes. */
  readonly foreignOptions?: Readonly<Record<string, ForeignOption>>;
  /** What the name stands for where it is neither a class nor a function: `hydra.utils.get_object` gives it. */
  readonly object?: unknown;
  /** Why this name of the Python stack cannot be used here, and what to use instead. */
  readonly refusal?: Advice;
  /** Calls it, with keyword arguments as YAML writes them. */
  invoke(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown;
}

export interface Advice {
  readonly what: string;
  readonly fix: string;
}

/** An option of the Python class that a target does not have itself. */
export interface ForeignOption {
  /** The option of the target that it is another name of. */
  readonly means?: string;
  /** Whether a value changes nothing here; by default every value does not. */
  readonly accepts?: (value: unknown) => boolean;
  /** What is wrong with a value that is not accepted, after the name of the option; by default that it cannot be it. */
  readonly what?: string;
  /** What to do with a value that is not accepted. */
  readonly fix?: string | ((value: unknown) => string);
}

/** Targets by their dotted names. */
export type TargetTable = Readonly<Record<string, Target>>;

/** A schema of an options object: zod's `strictObject` is one. */
export interface OptionsSchema<Options> extends Schema<Options> {
  readonly shape: Readonly<Record<string, unknown>>;
}

/**
 * The target of a class or function that takes one options object. Keywords in snake_case become the schema's camelCase
 * keys at every depth, positional arguments go by the order of the schema's keys, and the schema checks the whole.
 * @throws CtError `target/options` for an unknown keyword (naming the nearest), one given twice, too many positional
 * arguments, and values that the schema refuses.
 */
export function optionsTarget<Options>(schema: OptionsSchema<Options>, create: (options: Options) => unknown): Target {
  const { shape } = schema;
  const keys = Object.keys(shape);
  const optionNames = keys.map(snakeCase);
  registerSchemaNames(schema);
  return {
    optionNames,
    nestedNames: (option) => keysOf(shape[keyNamed(shape, option) ?? ""]).map(snakeCase),
    invoke(args, kwargs) {
      if (args.length > keys.length) {
        throw optionsError({
          what: `${args.length} positional arguments given, at most ${keys.length} are taken`,
          fix: `the options are: ${optionNames.join(", ")}`,
        });
      }
      const unknown = Object.keys(kwargs).find((name) => keyNamed(shape, name) === undefined);
      if (unknown !== undefined)
        throw optionsError({ what: `unknown option '${unknown}'`, fix: suggestion(unknown, optionNames) });
      const options = camelCaseKeys(schema, kwargs) as Record<string, unknown>;
      for (const [i, value] of args.entries()) {
        const key = keys[i] as string;
        if (Object.hasOwn(options, key)) throw givenTwice(optionNames[i] as string);
        options[key] = camelCaseKeys(shape[key], value);
      }
      return withYamlSpelling(() => create(parseOptions("", schema, options, optionsError)));
    },
  };
}

/**
 * A target that also knows options of its Python namesake: other names of its own, options that change nothing here
 * (accepted), and those that cannot be had (refused, with what to do).
 */
export function withForeignOptions(target: Target, foreign: Readonly<Record<string, ForeignOption>>): Target {
  return {
    ...target,
    foreignOptions: { ...target.foreignOptions, ...foreign },
    invoke(args, kwargs) {
      const own: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(kwargs)) {
        const option = Object.hasOwn(foreign, name) ? foreign[name] : undefined;
        if (option === undefined) own[name] = value;
        else if (option.means !== undefined) own[option.means] = value;
        else {
          const advice = foreignOptionAdvice(name, option, value);
          if (advice !== undefined) throw optionsError(advice);
        }
      }
      return target.invoke(args, own);
    },
  };
}

/** What is wrong with the value of a foreign option, if anything. */
export function foreignOptionAdvice(name: string, option: ForeignOption, value: unknown): Advice | undefined {
  if (option.means !== undefined || (option.accepts?.(value) ?? true)) return undefined;
  const fix = typeof option.fix === "function" ? option.fix(value) : (option.fix ?? `leave out ${name}`);
  const what = option.what ?? `cannot be ${receivedText(value)} here`;
  return { what: `option '${name}' ${what}`, fix };
}

/** The target of a name that configurations of the Python stack use, and that cannot be had here. */
export function refusedTarget(what: string, fix: string): Target {
  return {
    refusal: { what, fix },
    invoke() {
      throw new CtError({ code: "target/refused", what, fix });
    },
  };
}

function optionsError(problem: Omit<Problem, "code">): CtError {
  return new CtError({ code: "target/options", ...problem });
}
