import type { Container } from "./containers.ts";
import { ConfigError } from "./errors.ts";
import type { Node } from "./node.ts";

/** Where a resolver is called from. */
export interface ResolverContext {
  /** The root of the configuration. */
  readonly root: Container;
  /** The container that holds the interpolation. */
  readonly parent: Container;
  /** The value with the interpolation. */
  readonly node: Node;
}

export type Resolver = (args: readonly unknown[], context: ResolverContext) => unknown;

export interface RegisteredResolver {
  readonly call: Resolver;
  readonly useCache: boolean;
  /** Arguments as they are: maps for mappings, `Float` for integral floats. Otherwise plain values. */
  readonly raw: boolean;
}

const table = new Map<string, RegisteredResolver>();
const builtIn = new Map<string, RegisteredResolver>();

export function defineResolver(name: string, resolver: RegisteredResolver, own = false): void {
  table.set(name, resolver);
  if (own) builtIn.set(name, resolver);
}

export function findResolver(name: string): RegisteredResolver | undefined {
  return table.get(name);
}

export function resolverNames(): readonly string[] {
  return [...table.keys()];
}

export function hasResolver(name: string): boolean {
  return table.has(name);
}

/** Removes a resolver; false if there was none. */
export function clearResolver(name: string): boolean {
  return table.delete(name);
}

/** Removes all resolvers but the built-in ones. */
export function clearResolvers(): void {
  table.clear();
  for (const [name, resolver] of builtIn) table.set(name, resolver);
}

export function mustBeFree(name: string): void {
  if (name === "") throw new ConfigError({ what: "a resolver needs a name" });
  if (!table.has(name)) return;
  throw new ConfigError({ what: `a resolver '${name}' is already registered`, fix: "pass { replace: true }" });
}
