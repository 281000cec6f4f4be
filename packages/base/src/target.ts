import { CtError } from "./errors.ts";
import { registerOptionNames, withYamlSpelling } from "./option-names.ts";
import { issueMessage, type SchemaIssue } from "./schema-issues.ts";
import { camelCase, snakeCase, suggestion } from "./text.ts";

/**
 * What a `_target_` name of a configuration stands for. Packages list theirs in plain tables (`targets`), and the
 * configuration layer looks names up there: it never imports what a configuration names.
 */
export interface Target {
  /** Option names as YAML writes them (snake_case), in positional order; absent when any keyword is accepted. */
  readonly optionNames?: readonly string[];
  /** The keys of an option that is an object, as its schema has them. */
  nestedNames?(option: string): readonly string[];
  /** Options of the Python class without a counterpart here, under the names that YAML writes. */
  readonly foreignOptions?: Readonly<Record<string, ForeignOption>>;
  /** What the name stands for where it is no class or function: `hydra.utils.get_object` gives it. */
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
    nestedNames: (option) => Object.keys(shapeOf(schema.shape[keyOf.get(option) ?? ""]) ?? {}),
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

/** The shape of an object's schema, through what makes it optional, nullable or one of several. */
function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  const { shape, def } = (schema ?? {}) as { shape?: object; def?: { innerType?: unknown; options?: unknown[] } };
  if (shape !== undefined) return shape as Readonly<Record<string, unknown>>;
  if (def?.innerType !== undefined) return shapeOf(def.innerType);
  return def?.options?.map(shapeOf).find((found) => found !== undefined);
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
          if (advice !== undefined) throw optionsError(advice.what, advice.fix);
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
  const what = option.what ?? `cannot be ${JSON.stringify(value) ?? String(value)} here`;
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

function parse<Options>(schema: OptionsSchema<Options>, options: unknown): Options {
  try {
    return schema.parse(options);
  } catch (error) {
    const issues = (error as { issues?: readonly SchemaIssue[] } | null)?.issues;
    if (CtError.is(error) || !Array.isArray(issues)) throw error;
    const lines = (issues as readonly SchemaIssue[]).map((issue) => {
      const [top, ...rest] = (issue.path ?? []).map(String);
      const message = issueMessage(issue, options);
      return top === undefined ? message : `${[snakeCase(top), ...rest].join(".")}: ${message}`;
    });
    throw optionsError(lines.join("\n"), undefined, error);
  }
}

function optionsError(what: string, fix?: string, cause?: unknown): CtError {
  return new CtError({ code: "target/options", what, fix, cause });
}
