import {
  type Container,
  clearResolvers,
  create,
  DictConfig,
  dereference,
  Float,
  isConfig,
  isFloat,
  isInt,
  ListConfig,
  type Node,
  pythonStr,
  registerResolver,
  type SelectOptions,
  selectRaw,
  toRaw,
  toYaml,
  ValueNode,
} from "../src/index.ts";
import type { Case, Handler } from "./handler.ts";
import { difference } from "./values.ts";

interface Selection {
  readonly key: string;
  readonly default?: unknown;
  readonly throw_on_missing?: boolean;
  readonly throw_on_resolution_failure?: boolean;
}

interface LeafOutcome {
  readonly path: readonly unknown[];
  readonly ok: boolean;
  readonly value?: unknown;
}

interface Outcome {
  readonly ok: boolean;
  readonly stage?: string;
  readonly error?: string;
  readonly resolved?: unknown;
  readonly selected?: unknown;
  readonly nodes?: readonly LeafOutcome[];
  readonly to_yaml?: string;
  readonly to_yaml_resolved?: string;
}

class Refused extends Error {}

function typeName(value: unknown): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (isInt(value)) return "int";
  if (isFloat(value)) return "float";
  if (Array.isArray(value)) return "list";
  if (value instanceof DictConfig) return "DictConfig";
  if (value instanceof ListConfig) return "ListConfig";
  return value instanceof Map ? "dict" : "str";
}

function plus(a: unknown, b: unknown): unknown {
  if (typeof a === "string" && typeof b === "string") return a + b;
  const number = (value: unknown) => isInt(value) || isFloat(value) || typeof value === "boolean";
  if (!number(a) || !number(b)) throw new Refused("unsupported operand types");
  const sum = Number(a) + Number(b);
  return isFloat(a) || isFloat(b) ? (Number.isInteger(sum) ? new Float(sum) : sum) : sum;
}

function length(value: unknown): number {
  if (typeof value === "string") return [...value].length;
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map || isConfig(value)) return value.size;
  throw new Refused("has no length");
}

function first(value: unknown): unknown {
  if (typeof value === "string" && value !== "") return [...value][0];
  if (Array.isArray(value) && value.length > 0) return value[0];
  if (value instanceof Map && value.size > 0) return [...value.keys()][0];
  if (value instanceof DictConfig && value.size > 0) return [...value.keys()][0];
  const item = value instanceof ListConfig ? value.node(0) : undefined;
  if (item === undefined) throw new Refused("has no first element");
  const node = dereference(item);
  return node instanceof ValueNode ? node.value : node;
}

function cast(type: unknown, value: unknown): unknown {
  if (type === "str") return pythonStr(value);
  if (isFloat(value)) return Math.trunc(Number(value));
  if (typeof value === "boolean" || isInt(value)) return Number(value);
  if (typeof value === "string" && /^\s*[-+]?\d+(_\d+)*\s*$/.test(value)) return Number(value.replaceAll("_", ""));
  throw new Refused("cannot be cast");
}

const custom: Readonly<Record<string, (...args: unknown[]) => unknown>> = {
  test: (...args) => (args.length === 1 ? args[0] : args),
  "ns1.ns2.test": (...args) => (args.length === 1 ? args[0] : args),
  identity: (...args) => {
    if (args.length !== 1) throw new Refused("takes one argument");
    return args[0];
  },
  first: (...args) => {
    if (args.length !== 1) throw new Refused("takes one argument");
    return first(args[0]);
  },
  cast: (...args) => {
    if (args.length !== 2) throw new Refused("takes two arguments");
    return cast(args[0], args[1]);
  },
  plus: (...args) => {
    if (args.length !== 2) throw new Refused("takes two arguments");
    return plus(args[0], args[1]);
  },
  join: (separator, ...args) => args.map(pythonStr).join(pythonStr(separator)),
  types: (...args) => args.map(typeName),
  len: (...args) => {
    if (args.length !== 1) throw new Refused("takes one argument");
    return length(args[0]);
  },
  fail: () => {
    throw new Refused("boom");
  },
};

/** Runs `action` with these environment variables; those of the corpus (HT_*) are otherwise not set. */
export async function withEnvironment<T>(
  env: Readonly<Record<string, string>> | undefined,
  action: () => T | Promise<T>,
): Promise<T> {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) if (name.startsWith("HT_")) delete process.env[name];
  Object.assign(process.env, env);
  try {
    return await action();
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

function leaves(node: Node, path: readonly unknown[]): LeafOutcome[] {
  if (isConfig(node)) return [...node.nodes()].flatMap((child) => leaves(child, [...path, child.key]));
  if (!(node instanceof ValueNode) || !(node.isInterpolation || node.isMissing)) return [];
  if (node.isMissing) return [{ path, ok: false }];
  try {
    const found = dereference(node);
    return [{ path, ok: true, value: toRaw(found, { resolve: true }) }];
  } catch {
    return [{ path, ok: false }];
  }
}

function selectOutcome(config: Container, selection: Selection): Outcome {
  const options: SelectOptions = {
    ...("default" in selection ? { default: selection.default } : {}),
    ...(selection.throw_on_missing === undefined ? {} : { throwOnMissing: selection.throw_on_missing }),
    ...(selection.throw_on_resolution_failure === undefined
      ? {}
      : { throwOnResolutionFailure: selection.throw_on_resolution_failure }),
  };
  try {
    const selected = selectRaw(config, selection.key, options);
    return { ok: true, selected: isConfig(selected) ? toRaw(selected, { resolve: true }) : selected };
  } catch (error) {
    return { ok: false, stage: "select", error: String(error) };
  }
}

function outcome(testCase: Case): Outcome {
  let config: Container;
  try {
    config = create(testCase["yaml"]);
  } catch (error) {
    return { ok: false, stage: "create", error: String(error) };
  }
  if (testCase["select"] !== undefined) return selectOutcome(config, testCase["select"] as Selection);
  const text = toYaml(config);
  try {
    const resolved = toRaw(config, { resolve: true });
    return {
      ok: true,
      resolved,
      nodes: leaves(config, []),
      to_yaml: text,
      to_yaml_resolved: toYaml(config, { resolve: true }),
    };
  } catch (error) {
    return { ok: false, stage: "resolve", error: String(error), nodes: leaves(config, []), to_yaml: text };
  }
}

export const handler: Handler = {
  run(testCase) {
    clearResolvers();
    for (const name of (testCase["resolvers"] as string[] | undefined) ?? []) {
      const resolver = custom[name];
      if (resolver !== undefined) registerResolver(name, resolver, { raw: true });
    }
    return withEnvironment(testCase["env"] as Record<string, string> | undefined, () => outcome(testCase));
  },

  compare(expected, actual: Outcome) {
    if (expected.ok !== actual.ok) return `ok: expected ${expected.ok}, actual ${actual.ok} (${actual.error ?? ""})`;
    if (expected["stage"] !== actual.stage)
      return `stage: expected ${expected["stage"]}, actual ${actual.stage} (${actual.error})`;
    for (const field of ["resolved", "selected", "to_yaml", "to_yaml_resolved"] as const) {
      if (!(field in expected)) continue;
      const found = difference(field, expected[field], actual[field]);
      if (found !== undefined) return found;
    }
    for (const node of (expected["nodes"] as LeafOutcome[] | undefined) ?? []) {
      const path = JSON.stringify(node.path.map(String));
      const own = actual.nodes?.find((leaf) => JSON.stringify(leaf.path.map(String)) === path);
      if (own?.ok !== node.ok) return `node ${path}: expected ok ${node.ok}, actual ${own?.ok}`;
      const found = node.ok ? difference(`node ${path}`, node.value, own.value) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  },
};
