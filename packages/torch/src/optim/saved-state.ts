import { noGrad } from "../autograd/modes.ts";
import { Tensor } from "../tensor/tensor.ts";
import { describe, numberIn, sameKind, stateError } from "./state.ts";

/** What an optimizer remembers of one parameter: tensors and counts. */
export type ParamState = Record<string, Tensor | number>;

/** By name, what an optimizer remembers of a parameter: a tensor of its shape, or a number. */
export type StateFields = Readonly<Record<string, "tensor" | "number">>;

/** How PyTorch's optimizers compute, not what: nothing here depends on them. */
const implementationOptions: ReadonlySet<string> = new Set(["foreach", "fused", "capturable", "differentiable"]);

/**
 * The options of a saved parameter group, checked against the optimizer's: all numbers there, each of its kind. Flags
 * may be missing, for states older than they are; other names (`initialLr`, `name`) are kept.
 * @param implied options that the optimizer has not, with the only value that it can take
 */
export function savedOptions(
  where: string,
  own: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
  implied: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const missing = Object.keys(own).filter((key) => given[key] === undefined && typeof own[key] !== "boolean");
  if (missing.length > 0) {
    const keys = `keys given: ${Object.keys(given).join(", ")}`;
    throw stateError(where, `the state is of another optimizer: it lacks ${missing.join(", ")}`, keys);
  }
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    const like = own[key];
    if (key in own) {
      if (value === undefined) continue;
      if (Array.isArray(like) && Array.isArray(value) && value.length !== like.length) {
        throw stateError(where, `${key}: expected ${like.length} values, received ${value.length}`);
      }
      options[key] = sameKind(`${where}: ${key}`, like, value);
    } else if (key in implied) {
      if (value !== implied[key] && value !== null) {
        throw stateError(
          where,
          `the state has ${key} ${String(value)}, this optimizer only knows ${String(implied[key])}`,
        );
      }
    } else if (!implementationOptions.has(key)) {
      options[key] = value instanceof Tensor ? value.item() : value;
    }
  }
  return options;
}

/**
 * A copy of a parameter's saved state, checked by its fields; undefined when nothing is remembered (PyTorch's SGD saves
 * None for a momentum that it does not use).
 */
export function savedParamState(
  where: string,
  param: Tensor,
  fields: StateFields,
  given: Readonly<Record<string, unknown>>,
): ParamState | undefined {
  const present = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  if (present.length === 0) return undefined;
  const names = Object.keys(fields);
  const missing = names.filter((key) => !present.some(([name]) => name === key));
  const foreign = present.map(([name]) => name).filter((name) => !names.includes(name));
  if (missing.length + foreign.length > 0) {
    const found = present.map(([name]) => name).join(", ");
    throw stateError(where, `expected a state of ${names.join(", ") || "nothing"}, received ${found}`);
  }
  return Object.fromEntries(
    present.map(([name, value]) => [
      name,
      fields[name] === "number" ? count(where, name, value) : copy(where, name, param, value),
    ]),
  );
}

function count(where: string, name: string, value: unknown): number {
  const number = numberIn(value);
  if (number === undefined || !Number.isFinite(number)) {
    throw stateError(where, `${name}: expected a number, received ${describe(value)}`);
  }
  return number;
}

function copy(where: string, name: string, param: Tensor, value: unknown): Tensor {
  if (!(value instanceof Tensor) || String(value.shape) !== String(param.shape)) {
    const shape = `[${param.shape.join(", ")}]`;
    throw stateError(
      where,
      `${name}: expected a tensor of the parameter's shape ${shape}, received ${describe(value)}`,
    );
  }
  const { device } = param;
  const dtype = value.isFloatingPoint ? param.dtype : value.dtype;
  return noGrad(() => value.detach().to({ device, dtype, copy: true }));
}
