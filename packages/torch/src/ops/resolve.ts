import { camelCase, didYouMean, nearestName, snakeCase, suggestion } from "@classifier-training/base";
import { TorchError } from "../errors.ts";
import type { NativeArgument, NativeOperator } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { Generator } from "../random.ts";
import { Tensor } from "../tensor/tensor.ts";
import { describeValue, dispatch } from "./dispatch.ts";

export type Keywords = Readonly<Record<string, unknown>>;

/** The operator's arguments in the schema's order, once an overload is chosen: where each one comes from. */
interface Plan {
  readonly operator: NativeOperator;
  /** Per schema argument: the positional index, the keyword, or neither (the default). */
  readonly sources: readonly (number | string | undefined)[];
}

function isPlainObject(value: unknown): value is Keywords {
  if (typeof value !== "object" || value === null) return false;
  // By shape, not by identity: each realm has an Object.prototype of its own.
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
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
  if (value instanceof Tensor) return "T";
  if (value instanceof Generator) return "G";
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
    case "Generator":
      return kind === "G" ? 2 : 0;
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
    return { score: 0, reason: `expected at most ${allowed} positional arguments, received ${positional.length}` };
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
      return {
        score: 0,
        reason: `argument '${argument.name}': expected ${argument.real}, received ${describeValue(value)}`,
      };
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
  const refused: { readonly operator: NativeOperator; readonly reason: string }[] = [];
  for (const operator of overloads) {
    const candidate = attempt(operator, args, keywords);
    if (candidate.plan === undefined) refused.push({ operator, reason: candidate.reason });
    else if (best === undefined || candidate.score > best.score) best = candidate;
  }
  if (best?.plan !== undefined) return best.plan;
  // Overloads for `out=` and named dimensions are listed only when there are no others.
  const usual = refused.filter(({ operator }) => !isUnusual(operator, keywords));
  const reasons = (usual.length > 0 ? usual : refused).map(
    ({ operator, reason }) => `${operator.text}\n      ${reason}`,
  );
  const given = [...args.map(describeValue), ...Object.entries(keywords).map(([k, v]) => `${k}: ${describeValue(v)}`)];
  throw new TorchError({
    code: "torch/no-overload",
    what: `${name}: no overload accepts (${given.join(", ")})`,
    fix: `the overloads are\n    ${reasons.join("\n    ")}`,
  });
}

function oneOverload(fullName: string): NativeOperator[] {
  const [, name = "", overload = ""] = /^([^.]+)\.(.*)$/.exec(fullName) ?? [];
  const operator = native.operator(name, overload);
  return operator === null ? [] : [operator];
}

function isUnusual(operator: NativeOperator, keywords: Keywords): boolean {
  if ("out" in keywords) return false;
  return operator.arguments.some(({ name, real }) => name === "out" || real.startsWith("Dimname"));
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
  const overloads = name.includes(".") ? oneOverload(fullName) : native.overloads(fullName);
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

/** The operators of a namespace, without their overloads. */
export function operatorNames(namespace: string): string[] {
  const prefix = `${namespace}::`;
  const names = native.operatorNames().filter((full) => full.startsWith(prefix));
  return [...new Set(names.map((full) => full.slice(prefix.length).split(".")[0]!))].sort();
}

function unknownOperator(namespace: string, name: string): TorchError {
  return new TorchError({
    code: "torch/no-operator",
    what: `this LibTorch (${native.versionInfo().libtorch}) has no operator ${namespace}::${name}`,
    fix: nearOperator(namespace, name),
  });
}

/** What may have been meant: an overload, the nearest name, or names that share a word with it. */
function nearOperator(namespace: string, name: string): string | undefined {
  const [base = "", overload] = name.split(".");
  if (overload !== undefined) {
    const known = native.overloads(`${namespace}::${base}`).map((operator) => operator.overload || "(none)");
    if (known.length > 0) return `the overloads of ${base} are: ${known.join(", ")}`;
  }
  const names = operatorNames(namespace);
  const near = nearestName(base, names) ?? nearestName(snakeCase(base), names);
  if (near !== undefined) return didYouMean(near);
  const words = snakeCase(base)
    .split("_")
    .filter((word) => word.length > 2);
  const related = names.filter((other) => !other.startsWith("_") && words.some((word) => other.includes(word)));
  return related.length === 0 ? undefined : `related: ${related.slice(0, 10).join(", ")}`;
}
