import { camelCase, snakeCase, suggestion } from "@classifier-training/base";
import { TorchError } from "../errors.ts";
import type { NativeArgument, NativeOperator } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { TensorCore } from "../tensor/core.ts";
import { describeValue, dispatch, lookUp } from "./dispatch.ts";

export type Keywords = Readonly<Record<string, unknown>>;

/** The operator's arguments in the schema's order, once an overload is chosen: where each one comes from. */
interface Plan {
  readonly operator: NativeOperator;
  /** Per schema argument: the positional index, the keyword, or neither (the default). */
  readonly sources: readonly (number | string | undefined)[];
}

function isPlainObject(value: unknown): value is Keywords {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** One letter a kind of value; overloads are chosen by these and by the keywords only, so that choices can be cached. */
function kindOf(value: unknown): string {
  switch (typeof value) {
    case "undefined":
      return "_";
    case "number":
      return Number.isInteger(value) ? "i" : "f";
    case "bigint":
      return "i";
    case "boolean":
      return "b";
    case "string":
      return "s";
    default:
      break;
  }
  if (value === null) return "n";
  if (value instanceof TensorCore) return "T";
  if (Array.isArray(value)) return `[${[...new Set(value.map(kindOf))].sort().join("")}]`;
  return "?";
}

/** How well a kind of value fits a schema type: 0 not at all, 2 as it is, 1 after a conversion. */
function fit(kind: string, type: string, fixedLength: number | null): 0 | 1 | 2 {
  if (kind === "_") return 1;
  if (type.endsWith("?")) {
    if (kind === "n") return 2;
    return fit(kind, type.slice(0, -1), fixedLength);
  }
  if (type.endsWith("[]")) {
    const element = type.slice(0, -2);
    if (!kind.startsWith("[")) return fixedLength !== null && fit(kind, element, null) > 0 ? 1 : 0;
    let worst: 0 | 1 | 2 = 2;
    for (const part of kind.slice(1, -1)) worst = Math.min(worst, fit(part, element, null)) as 0 | 1 | 2;
    return worst;
  }
  switch (type) {
    case "Tensor":
      return kind === "T" ? 2 : 0;
    case "int":
    case "SymInt":
      return kind === "i" ? 2 : kind === "s" ? 1 : 0;
    case "float":
      return kind === "f" ? 2 : kind === "i" ? 1 : 0;
    case "Scalar":
    case "number":
      return kind === "i" || kind === "f" ? 2 : kind === "b" ? 1 : 0;
    case "bool":
      return kind === "b" ? 2 : kind === "i" ? 1 : 0;
    case "str":
    case "Device":
      return kind === "s" ? 2 : 0;
    default:
      return 0;
  }
}

interface Attempt {
  readonly plan?: Plan;
  readonly score: number;
  /** Why this overload does not fit. */
  readonly reason: string;
}

function attempt(operator: NativeOperator, positional: readonly unknown[], keywords: Keywords): Attempt {
  const names = operator.arguments.map((argument) => argument.name);
  const allowed = operator.arguments.filter((argument) => !argument.keywordOnly).length;
  if (positional.length > allowed) {
    return { score: 0, reason: `takes ${allowed} positional arguments, ${positional.length} given` };
  }
  const given = new Map<string, string>();
  for (const key of Object.keys(keywords)) {
    const name = names.includes(key) ? key : snakeCase(key);
    const index = names.indexOf(name);
    if (index < 0) return { score: 0, reason: `no argument '${key}': ${suggestion(key, names.map(camelCase))}` };
    if (index < positional.length) return { score: 0, reason: `argument '${key}' is given twice` };
    given.set(name, key);
  }
  let score = 0;
  const sources: (number | string | undefined)[] = [];
  for (const [i, argument] of operator.arguments.entries()) {
    const source = i < positional.length ? i : given.get(argument.name);
    sources.push(source);
    const value = source === undefined ? undefined : typeof source === "number" ? positional[source] : keywords[source];
    if (value === undefined) {
      if (isRequired(argument))
        return { score: 0, reason: `argument '${argument.name}' (${argument.type}) is missing` };
      continue;
    }
    const quality = fit(kindOf(value), argument.type, argument.fixedLength);
    if (quality === 0) {
      return { score: 0, reason: `argument '${argument.name}' must be ${argument.real}, not ${describeValue(value)}` };
    }
    score += quality;
  }
  return { plan: { operator, sources }, score, reason: "" };
}

function isRequired(argument: NativeArgument): boolean {
  return !argument.hasDefault && !argument.type.endsWith("?");
}

function choose(
  name: string,
  overloads: readonly NativeOperator[],
  args: readonly unknown[],
  keywords: Keywords,
): Plan {
  let best: Attempt | undefined;
  const reasons: string[] = [];
  for (const operator of overloads) {
    const candidate = attempt(operator, args, keywords);
    if (candidate.plan === undefined) reasons.push(`${operator.text}\n      ${candidate.reason}`);
    else if (best === undefined || candidate.score > best.score) best = candidate;
  }
  if (best?.plan !== undefined) return best.plan;
  const given = [...args.map(describeValue), ...Object.entries(keywords).map(([k, v]) => `${k}: ${describeValue(v)}`)];
  throw new TorchError({
    code: "torch/no-overload",
    what: `${name}: no overload accepts (${given.join(", ")})`,
    fix: `the overloads are\n    ${reasons.join("\n    ")}`,
  });
}

/** A callable operator: positional arguments, then optionally a plain object of keyword arguments by schema name. */
export type OperatorFunction = (...args: unknown[]) => unknown;

/**
 * The function of an operator, all overloads (`add`) or one (`add.Tensor`), in a namespace (`aten`, `ct`).
 *
 * @throws TorchError when there is no such operator, naming the nearest
 */
export function operatorFunction(namespace: string, name: string): OperatorFunction {
  const fullName = `${namespace}::${name}`;
  const overloads = name.includes(".") ? [lookUp(fullName)] : native.overloads(fullName);
  if (overloads.length === 0) throw unknownOperator(namespace, name);
  const plans = new Map<string, Plan>();
  return (...args) => {
    const last = args.at(-1);
    const keywords = isPlainObject(last) ? last : undefined;
    const positional = keywords === undefined ? args : args.slice(0, -1);
    let key = "";
    for (const value of positional) key += kindOf(value);
    if (keywords !== undefined) {
      for (const [name, value] of Object.entries(keywords)) key += `,${name}:${kindOf(value)}`;
    }
    let plan = plans.get(key);
    if (plan === undefined) {
      plan = choose(name, overloads, positional, keywords ?? {});
      plans.set(key, plan);
    }
    const values = plan.sources.map((source) =>
      source === undefined ? undefined : typeof source === "number" ? positional[source] : keywords?.[source],
    );
    return dispatch(plan.operator, values);
  };
}

function unknownOperator(namespace: string, name: string): TorchError {
  const prefix = `${namespace}::`;
  const names = new Set<string>();
  for (const full of native.operatorNames()) {
    if (full.startsWith(prefix)) names.add(full.slice(prefix.length).split(".")[0]!);
  }
  return new TorchError({
    code: "torch/no-operator",
    what: `this LibTorch (${native.versionInfo().libtorch}) has no operator ${prefix}${name}`,
    fix: suggestion(name, [...names]).slice(0, 400),
  });
}
