import { types } from "node:util";
import { plural } from "@classifier-training/base";
import { noGrad } from "../autograd/modes.ts";
import { TorchError } from "../errors.ts";
import { describeValue } from "../ops/dispatch.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Tensors by key, as `stateDict`, `loadSafetensors` and `loadPth` return them, or as a plain object. */
export type StateEntries = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/** What a module shows of its state. */
interface StateOwner {
  stateEntries(): Iterable<[key: string, tensor: Tensor]>;
  namedModules(): Iterable<[path: string, part: { optionalStateKeys(): Iterable<string> }]>;
}

export interface LoadOptions {
  /** True by default. */
  readonly strict?: boolean;
  /** Where the state is from, such as a file, for the error. */
  readonly where?: string;
}

export interface LoadReport {
  /** Keys of the module that the state lacks. */
  readonly missingKeys: readonly string[];
  /** Keys of the state that the module lacks. */
  readonly unexpectedKeys: readonly string[];
}

/** Why a state does not fit a model. */
export interface StateMismatch extends LoadReport {
  readonly shapes: readonly string[];
}

const mostShown = 8;

/** One line for each kind of mismatch, of which the first few are named. */
export function describeMismatch({ missingKeys, unexpectedKeys, shapes }: StateMismatch): string {
  const line = (names: readonly string[], one: string, many: string, separator = ", ") => {
    if (names.length === 0) return "";
    const more = names.length > mostShown ? `${separator}and ${names.length - mostShown} more` : "";
    return `\n  - ${plural(names.length, one, many)}: ${names.slice(0, mostShown).join(separator)}${more}`;
  };
  return [
    line(missingKeys, "missing key", "missing keys"),
    line(unexpectedKeys, "unexpected key", "unexpected keys"),
    line(shapes, "shape differs", "shapes differ", "; "),
  ].join("");
}

/** How a weight's shape differs, for `describeMismatch`. */
export function describeShapes(key: string, source: Tensor, target: Tensor): string {
  return `${key}: expected [${target.shape.join(", ")}], received [${source.shape.join(", ")}]`;
}

/** Copies a state into a module; see `Module.loadStateDict`. */
export function loadInto(module: StateOwner, state: StateEntries, { strict = true, where }: LoadOptions): LoadReport {
  if (typeof state !== "object" || state === null) throw notTensors(module, `${state}`);
  const given = new Map(types.isMap(state) ? state : Object.entries(state as Record<string, Tensor>));
  const wrong = [...given].find(([key, value]) => typeof key !== "string" || !(value instanceof Tensor));
  if (wrong !== undefined) throw notTensors(module, `${String(wrong[0])}: ${describeValue(wrong[1])}`);
  const wanted = new Map(module.stateEntries());
  const optional = optionalKeys(module);
  const missingKeys = [...wanted.keys()].filter((key) => !given.has(key) && !optional.has(key));
  const unexpectedKeys = [...given.keys()].filter((key) => !wanted.has(key));
  const shapes = [...wanted].flatMap(([key, target]) => {
    const source = given.get(key);
    return source === undefined || sameShape(source, target) ? [] : [describeShapes(key, source, target)];
  });
  const found = strict ? { missingKeys, unexpectedKeys, shapes } : { missingKeys: [], unexpectedKeys: [], shapes };
  const text = describeMismatch(found);
  if (text !== "") {
    throw new TorchError({
      code: "torch/state-dict",
      what: `the weights do not fit ${module.constructor.name}:${text}`,
      where,
      fix:
        shapes.length > 0
          ? "build the model with the options it was saved with (number of classes, widths), or drop those keys"
          : "check that the file belongs to this model, or load with strict: false",
    });
  }
  noGrad(() => {
    for (const [key, target] of wanted) {
      const source = given.get(key);
      if (source !== undefined) target.copy_(source);
    }
  });
  return { missingKeys, unexpectedKeys };
}

function notTensors(module: StateOwner, found: string): TorchError {
  return new TorchError({
    code: "torch/state-dict",
    what: `the state of ${module.constructor.name}: expected tensors by key, received ${found}`,
    fix: "pass the entries that hold the weights, such as checkpoint.state_dict",
  });
}

function optionalKeys(module: StateOwner): Set<string> {
  const keys = new Set<string>();
  for (const [path, part] of module.namedModules()) {
    for (const key of part.optionalStateKeys()) keys.add(path === "" ? key : `${path}.${key}`);
  }
  return keys;
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]);
}
