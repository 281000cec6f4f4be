import { types } from "node:util";
import { CtError, camelCase } from "@classifier-training/base";
import { Tensor } from "../tensor/tensor.ts";

/**
 * The entries of a state dictionary as an object with our names: a Map (which the unpickler returns for Python's dict)
 * becomes an object, `last_epoch` becomes `lastEpoch` and `_last_lr` becomes `lastLr`.
 */
export function plainState(state: unknown): Record<string, unknown> {
  if (typeof state !== "object" || state === null || Array.isArray(state)) {
    throw new CtError({ code: "torch/state", what: `expected a state dictionary, received ${describe(state)}` });
  }
  const entries = types.isMap(state) ? [...state.entries()] : Object.entries(state);
  return Object.fromEntries(entries.map(([key, value]) => [camelCase(String(key).replace(/^_+/, "")), value]));
}

export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (value instanceof Tensor) return `a tensor [${value.shape.join(", ")}]`;
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `${typeof value} ${String(value)}`;
}

export function stateError(name: string, what: string, where?: string): CtError {
  return new CtError({
    code: "torch/state",
    what: `${name}: ${what}`,
    where,
    fix: "the state is of another optimizer or scheduler, or damaged: configure the one it was saved from, or start without it",
  });
}

/** A count or a rate; PyTorch keeps some in tensors of one element. Undefined for everything else. */
export function numberIn(value: unknown): number | undefined {
  if (value instanceof Tensor) return value.numel === 1 ? value.item() : undefined;
  if (typeof value === "bigint") return Number(value);
  return typeof value === "number" ? value : undefined;
}

/** What PyTorch's schedulers keep beside their state, and ours do not. */
const pythonFields: ReadonlySet<string> = new Set([
  "verbose",
  "getLrCalledWithinStep",
  "isInitial",
  "lrLambdas",
  "scaleFnCustom",
  "scaleFnRef",
  "useBeta1",
]);

/**
 * The fields of a scheduler's state, checked against its present ones: all there, none that it does not know, each of
 * the same kind.
 */
export function checkSchedulerState(
  name: string,
  own: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const known = Object.keys(own).filter((key) => own[key] !== undefined);
  const missing = known.filter((key) => given[key] === undefined);
  const foreign = Object.keys(given).filter((key) => !known.includes(key) && !pythonFields.has(key));
  if (missing.length + foreign.length > 0) {
    const parts = [
      ...(missing.length > 0 ? [`lacks ${missing.join(", ")}`] : []),
      ...(foreign.length > 0 ? [`has ${foreign.join(", ")}`] : []),
    ];
    throw stateError(name, `the state ${parts.join(" and ")}`, `keys expected: ${known.join(", ")}`);
  }
  return Object.fromEntries(known.map((key) => [key, sameKind(`${name}: ${key}`, own[key], given[key])]));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** A value like another one: numbers where it has numbers, lists where it has lists. */
export function sameKind(what: string, own: unknown, given: unknown): unknown {
  const refused = () => stateError(what, `expected ${describe(own)} or the like, received ${describe(given)}`);
  if (typeof own === "number") {
    const number = numberIn(given);
    if (number === undefined || Number.isNaN(number)) throw refused();
    return number;
  }
  if (Array.isArray(own)) {
    if (!Array.isArray(given)) throw refused();
    const [like] = own as unknown[];
    return like === undefined ? [...given] : given.map((item, i) => sameKind(`${what}[${i}]`, own[i] ?? like, item));
  }
  if (isPlainObject(own)) {
    const fields = plainState(given);
    return Object.fromEntries(
      Object.entries(own).map(([key, item]) => [key, sameKind(`${what}.${key}`, item, fields[key])]),
    );
  }
  if (own !== undefined && own !== null && typeof given !== typeof own) throw refused();
  return given;
}
