import { asFloat } from "../yaml/scalars.ts";
import { cast, isElementType } from "./casts.ts";
import { OverrideFunctionError } from "./errors.ts";
import { reversedRange, stepDirection } from "./ranges.ts";
import { sorted } from "./sorting.ts";
import { type TypeName, typeName } from "./types.ts";
import {
  ChoiceSweep,
  Glob,
  IntervalSweep,
  isSweep,
  ListEdit,
  type Parsed,
  QuotedString,
  type RangeNumber,
  RangeSweep,
  type Scalar,
} from "./values.ts";

type Types = readonly TypeName[] | "any";

interface Signature {
  /** Positional parameters in order; those after `required` are optional. */
  readonly names?: readonly string[];
  readonly required?: number;
  readonly types: Readonly<Record<string, Types>>;
  /** Types of `*args`, if it takes them. */
  readonly rest?: Types;
  run(args: readonly Parsed[], kwargs: ReadonlyMap<string, Parsed>): Parsed;
}

const number: Types = ["int", "float", "bool"];
const element: Types = ["str", "int", "bool", "float", "list", "dict"];
const anySweep: Types = ["ChoiceSweep", "RangeSweep", "IntervalSweep"];
const castable: Types = [...element, "NoneType", "QuotedString", ...anySweep];
const orNull = (types: readonly TypeName[]): Types => [...types, "NoneType"];

const castFunction = (name: "int" | "float" | "str" | "bool" | "json_str"): Signature => {
  const isJson = name === "json_str";
  return {
    rest: isJson ? "any" : castable,
    // Python's json_str has the keyword too, but refuses whatever is given for it.
    types: isJson ? {} : { value: castable },
    run: (args, kwargs) => cast(name, castArgument(args, kwargs.get("value") ?? null)),
  };
};

function castArgument(args: readonly Parsed[], named: Parsed): Parsed {
  if (args.length > 0 && named !== null) throw typeError("cannot use both position and named arguments");
  if (named !== null) return named;
  if (args.length === 0) throw typeError("No positional args or value specified");
  return args.length === 1 ? (args[0] as Parsed) : simpleChoice(args);
}

const sweepOrElement: Types = [...element, "ChoiceSweep", "RangeSweep"];

/** The functions of the override grammar, with the parameters that they take. */
const functions: Readonly<Record<string, Signature>> = {
  int: castFunction("int"),
  float: castFunction("float"),
  str: castFunction("str"),
  bool: castFunction("bool"),
  json_str: castFunction("json_str"),
  choice: { rest: [...element, "ChoiceSweep"], types: {}, run: (args) => choice(args) },
  range: {
    names: ["start", "stop", "step"],
    required: 1,
    types: { start: number, stop: orNull(number), step: number },
    run: (_, kwargs) => {
      const start = kwargs.get("start") as RangeNumber;
      const stop = (kwargs.get("stop") ?? null) as RangeNumber | null;
      const step = (kwargs.get("step") ?? 1) as RangeNumber;
      return stop === null ? new RangeSweep(0, start, step) : new RangeSweep(start, stop, step);
    },
  },
  interval: {
    names: ["start", "end"],
    required: 2,
    types: { start: number, end: number },
    run: (_, kwargs) => {
      const bound = (name: string) => asFloat(Number(kwargs.get(name) as Scalar));
      return new IntervalSweep(bound("start"), bound("end"));
    },
  },
  tag: {
    rest: ["str", ...anySweep],
    types: { sweep: orNull(anySweep) },
    run: (args, kwargs) => {
      if (args.length < 1) throw valueError("Not enough arguments to tag, must take at least a sweep");
      const sweep = kwargs.get("sweep") ?? null;
      return tag(sweep === null ? args : [...args, sweep]);
    },
  },
  sort: {
    rest: sweepOrElement,
    types: { sweep: orNull(["ChoiceSweep", "RangeSweep"]), list: orNull(["list"]), reverse: ["bool"] },
    run: (args, kwargs) => {
      const given = kwargs.get("list") ?? kwargs.get("sweep") ?? null;
      return sort(given === null ? args : [given], kwargs.get("reverse") === true);
    },
  },
  shuffle: {
    rest: sweepOrElement,
    types: { sweep: orNull(["ChoiceSweep", "RangeSweep"]), list: orNull(["list"]) },
    run: (args, kwargs) => {
      const given = kwargs.get("list") ?? kwargs.get("sweep") ?? null;
      return shuffle(given === null ? args : [given]);
    },
  },
  glob: {
    names: ["include", "exclude"],
    required: 1,
    types: { include: ["list", "str"], exclude: orNull(["list", "str"]) },
    run: (_, kwargs) => {
      const patterns = (value: Parsed | undefined) =>
        Array.isArray(value) ? (value as readonly Parsed[]) : value === undefined || value === null ? [] : [value];
      return new Glob(patterns(kwargs.get("include")), patterns(kwargs.get("exclude")));
    },
  },
  extend_list: { rest: "any", types: {}, run: (args) => new ListEdit("extend", args) },
  remove_list: { rest: "any", types: {}, run: (args) => new ListEdit("remove", args) },
};

const functionNames: readonly string[] = Object.keys(functions).sort();

/** Calls a function of the override grammar, with Python's rules for binding and checking arguments. */
export function callFunction(name: string, args: readonly Parsed[], kwargs: ReadonlyMap<string, Parsed>): Parsed {
  const signature = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (signature === undefined) {
    throw new OverrideFunctionError(
      "HydraException",
      `Unknown function '${name}', available: ${functionNames.join(",")}`,
    );
  }
  const plain = (value: Parsed): Parsed => (value instanceof QuotedString ? value.text : value);
  const positional = args.map(plain);
  const bound = new Map([...kwargs].map(([key, value]) => [key, plain(value)]));
  const names = signature.names ?? [];
  if (signature.rest === undefined) {
    positional.forEach((value, index) => {
      const parameter = names[index];
      if (parameter === undefined) throw typeError("too many positional arguments");
      if (bound.has(parameter)) throw typeError(`multiple values for argument '${parameter}'`);
      bound.set(parameter, value);
    });
    const missing = names.slice(0, signature.required).find((parameter) => !bound.has(parameter));
    if (missing !== undefined) throw typeError(`missing a required argument: '${missing}'`);
  } else {
    const types = signature.rest;
    positional.forEach((value, index) => {
      checkType(`args[${index}]`, value, types);
    });
  }
  for (const [key, value] of bound) {
    const types = signature.types[key];
    if (types === undefined) throw typeError(`got an unexpected keyword argument '${key}'`);
    checkType(key, value, types);
  }
  return signature.run(positional, bound);
}

function checkType(name: string, value: Parsed, types: Types) {
  if (types === "any" || types.includes(typeName(value))) return;
  throw typeError(`mismatch type argument ${name}: ${typeName(value)} is incompatible with ${types.join(" | ")}`);
}

const typeError = (what: string) => new OverrideFunctionError("TypeError", what);
const valueError = (what: string) => new OverrideFunctionError("ValueError", what);

function simpleChoice(values: readonly Parsed[], shuffle = false): ChoiceSweep {
  const allowed = (value: Parsed) => value === null || value instanceof QuotedString || isElementType(value);
  if (!values.every(allowed)) throw new OverrideFunctionError("AssertionError", "a choice cannot hold another sweep");
  return new ChoiceSweep(values, { simpleForm: true, shuffle });
}

function choice(args: readonly Parsed[]): ChoiceSweep {
  const [first] = args;
  if (args.length === 0) throw valueError("empty choice is not legal");
  if (args.length === 1 && first instanceof ChoiceSweep) {
    if (!first.simpleForm) throw valueError("nesting choices is not supported");
    return new ChoiceSweep(first.list, { shuffle: first.shuffle, tags: first.tags });
  }
  return new ChoiceSweep(args, {});
}

function tag(args: readonly Parsed[]): Parsed {
  const sweep = args.at(-1);
  if (!isSweep(sweep)) throw valueError("Last argument to tag() must be a choice(), range() or interval()");
  const names = args.slice(0, -1);
  const wrong = names.find((name) => typeof name !== "string");
  if (wrong !== undefined) throw valueError(`tag arguments type must be string, got ${typeName(wrong)}`);
  const tags = new Set(names as string[]);
  if (sweep instanceof ChoiceSweep) {
    return new ChoiceSweep(sweep.list, { simpleForm: sweep.simpleForm, shuffle: sweep.shuffle, tags });
  }
  if (sweep instanceof RangeSweep) {
    return new RangeSweep(sweep.start, sweep.stop, sweep.step, { shuffle: sweep.shuffle, tags });
  }
  return new IntervalSweep(sweep.start, sweep.end, tags);
}

function sort(args: readonly Parsed[], reverse: boolean): Parsed {
  const [first] = args;
  if (args.length === 1) {
    if (first instanceof ChoiceSweep || first instanceof RangeSweep) return sortSweep(first, reverse);
    return Array.isArray(first) ? sorted(first as readonly Parsed[], reverse) : (first as Parsed);
  }
  const wrong = args.find((value) => !["int", "float", "bool", "str"].includes(typeName(value)));
  if (wrong !== undefined) throw typeError(`Invalid arguments: cannot sort a ${typeName(wrong)}`);
  if (args.length === 0) throw valueError("empty sort input");
  return sortSweep(simpleChoice(args), reverse);
}

function sortSweep(sweep: ChoiceSweep | RangeSweep, reverse: boolean): Parsed {
  if (sweep instanceof RangeSweep) return stepDirection(sweep) > 0 === reverse ? reversedRange(sweep) : sweep;
  const { simpleForm, tags } = sweep;
  return new ChoiceSweep(sorted(sweep.list, reverse), { simpleForm, shuffle: sweep.shuffle, tags });
}

function shuffle(args: readonly Parsed[]): Parsed {
  const [first] = args;
  if (args.length !== 1) return simpleChoice(args, true);
  if (first instanceof ChoiceSweep) {
    return new ChoiceSweep(first.list, { simpleForm: first.simpleForm, shuffle: true, tags: first.tags });
  }
  if (first instanceof RangeSweep) {
    return new RangeSweep(first.start, first.stop, first.step, { shuffle: true, tags: first.tags });
  }
  return Array.isArray(first) ? shuffled(first as readonly Parsed[]) : [first as Parsed];
}

/** The items in a random order (Fisher-Yates). */
export function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j] as T, order[i] as T];
  }
  return order;
}
