import type { Target } from "@classifier-training/base";
import { isConfig, ListConfig } from "../omegaconf/containers.ts";
import { type Key, keyText, type Node } from "../omegaconf/node.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { settle } from "../omegaconf/to-container.ts";
import { causeText, InstantiationError } from "./errors.ts";
import type { ContainerTarget } from "./targets.ts";
import { presentPlain, presentRaw, rawTree } from "./values.ts";

/** What `_partial_: true` gives: the target with some of its arguments, to be called with the rest. */
export interface Partial {
  (...args: readonly unknown[]): unknown;
  readonly target: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** The options that the target takes, where it lists them. */
  readonly optionNames: readonly string[] | undefined;
  /** The same with more, or other, keyword arguments. */
  with(kwargs: Readonly<Record<string, unknown>>): Partial;
}

/** Calls a target, or makes a partial of it. @throws InstantiationError with the key of `at` */
export async function callTarget(
  target: Target,
  name: string,
  given: readonly unknown[],
  parameters: ReadonlyMap<Key, unknown>,
  partial: boolean,
  at: Node,
): Promise<unknown> {
  const fail = (what: string, fix?: string, cause?: unknown) =>
    new InstantiationError({ what, fix, fullKey: at.fullKey(), origin: at.origin, cause });
  const present = (target as ContainerTarget).takesContainers ? presentRaw : presentPlain;
  const { _args_: configured, ...named } = Object.fromEntries([...parameters].map(([key, v]) => [keyText(key), v]));
  for (const key of parameters.keys()) {
    if (typeof key !== "string") throw fail(`'${keyText(key)}' cannot be an argument of '${name}': names are strings`);
  }
  const fromConfig = positional(configured);
  if (fromConfig === undefined) throw fail(`_args_: expected a list, received ${pythonStr(configured)}`);
  const args = (given.length > 0 ? given : fromConfig).map(present);
  const kwargs = Object.fromEntries(Object.entries(named).map(([key, value]) => [key, present(value)]));
  if (partial) return makePartial(target, name, args, kwargs);
  try {
    return await target.invoke(args, kwargs);
  } catch (error) {
    const { what, fix } = causeText(error);
    throw fail(`in the call of '${name}': ${what}`, fix, error);
  }
}

function positional(value: unknown): readonly unknown[] | undefined {
  if (value === undefined) return [];
  if (typeof value === "string") return [...value];
  if (value instanceof ListConfig) return resolvedItems(value);
  return Array.isArray(value) ? value : undefined;
}

/** The items of a list, resolved; containers among them stay containers. */
function resolvedItems(list: ListConfig): unknown[] {
  return list.content.map((node) => {
    const found = settle(node, { resolve: true, throwOnMissing: true });
    return isConfig(found) ? found : rawTree(found);
  });
}

function makePartial(
  target: Target,
  name: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): Partial {
  const call = (...more: readonly unknown[]) => target.invoke([...args, ...more], kwargs);
  const more = (extra: Readonly<Record<string, unknown>>) => makePartial(target, name, args, { ...kwargs, ...extra });
  return Object.assign(call, { target: name, args, kwargs, optionNames: target.optionNames, with: more });
}
