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
}

export interface LoadReport {
  /** Keys of the module that the state lacks. */
  readonly missingKeys: string[];
  /** Keys of the state that the module has not. */
  readonly unexpectedKeys: string[];
}

/** Copies a state into a module; see `Module.loadStateDict`. */
export function loadInto(module: StateOwner, state: StateEntries, { strict = true }: LoadOptions): LoadReport {
  if (typeof state !== "object" || state === null) throw notTensors(module, `${state}`);
  const given = new Map(types.isMap(state) ? state : Object.entries(state as Record<string, Tensor>));
  const wrong = [...given].find(([key, value]) => typeof key !== "string" || !(value instanceof Tensor));
  if (wrong !== undefined) throw notTensors(module, `${String(wrong[0])}: ${describeValue(wrong[1])}`);
  const wanted = new Map(module.stateEntries());
  const optional = optionalKeys(module);
  const missingKeys = [...wanted.keys()].filter((key) => !given.has(key) && !optional.has(key));
  const unexpectedKeys = [...given.keys()].filter((key) => !wanted.has(key));
  const misshapen = [...wanted].flatMap(([key, target]) => {
    const source = given.get(key);
    return source === undefined || sameShape(source, target) ? [] : [shapeLine(key, source, target)];
  });
  if (misshapen.length > 0 || (strict && missingKeys.length + unexpectedKeys.length > 0)) {
    throw mismatch(module, { missingKeys, unexpectedKeys }, misshapen, strict);
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

function shapeLine(key: string, source: Tensor, target: Tensor): string {
  return `${key}: [${source.shape.join(", ")}] in the state, [${target.shape.join(", ")}] in the model`;
}

function mismatch(
  module: StateOwner,
  { missingKeys, unexpectedKeys }: LoadReport,
  misshapen: readonly string[],
  strict: boolean,
): TorchError {
  const parts = [
    ...(strict && missingKeys.length > 0
      ? [`${plural(missingKeys.length, "missing key")}: ${missingKeys.join(", ")}`]
      : []),
    ...(strict && unexpectedKeys.length > 0
      ? [`${plural(unexpectedKeys.length, "unexpected key")}: ${unexpectedKeys.join(", ")}`]
      : []),
    ...(misshapen.length > 0
      ? [`${plural(misshapen.length, "shape differs", "shapes differ")}: ${misshapen.join("; ")}`]
      : []),
  ];
  return new TorchError({
    code: "torch/state-dict",
    what: `the state does not fit ${module.constructor.name}:${parts.map((part) => `\n  - ${part}`).join("")}`,
    fix:
      misshapen.length > 0
        ? "build the model with the options it was saved with (number of classes, widths), or drop those keys"
        : "check that the file belongs to this model, or load with strict: false",
  });
}
