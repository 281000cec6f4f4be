import { getLogger } from "@classifier-training/base";
import { type Container, DictConfig, isConfig, ListConfig } from "./containers.ts";
import { create } from "./create.ts";
import { ConfigError, ConfigKeyError, ConfigTypeError } from "./errors.ts";
import { parseElement } from "./interpolation/parse.ts";
import { keyText, type Node, rawValue, ValueNode } from "./node.ts";
import { pythonStr } from "./python-text.ts";
import { Evaluation } from "./resolve.ts";
import { defineResolver, mustBeFree, type Resolver, type ResolverContext } from "./resolver-table.ts";
import { selectNode, selectRaw } from "./select.ts";

export interface ResolverOptions {
  /** Replace a resolver of that name. */
  readonly replace?: boolean;
  /** Call it once for the same arguments, as they are written. */
  readonly useCache?: boolean;
  /** Get mappings as `Map` and integral floats as `Float`, as the configuration holds them. */
  readonly raw?: boolean;
}

/**
 * Registers a resolver: `${name:a,b}` becomes `resolver(a, b)`. Arguments are null, booleans, numbers, strings, arrays,
 * objects or containers; so may the result be. `this` is not set; `registerContextResolver` gets the place of the call.
 */
export function registerResolver(
  name: string,
  // biome-ignore lint/suspicious/noExplicitAny: what a resolver takes is up to the one who writes it
  resolver: (...args: any[]) => unknown,
  options: ResolverOptions = {},
): void {
  registerContextResolver(name, (args) => resolver(...args), options);
}

/** Like {@link registerResolver}; the resolver also gets the root, the parent and the node that it is called from. */
export function registerContextResolver(name: string, resolver: Resolver, options: ResolverOptions = {}): void {
  if (!options.replace) mustBeFree(name);
  defineResolver(name, { call: resolver, useCache: options.useCache ?? false, raw: options.raw ?? false });
}

function builtIn(name: string, least: number, most: number, resolver: Resolver): void {
  const call: Resolver = (args, context) => {
    if (args.length < least || args.length > most) {
      const expected = least === most ? `${least}` : `${least} to ${most}`;
      throw new ConfigTypeError({ what: `${name}: expected ${expected} arguments, received ${args.length}` });
    }
    return resolver(args, context);
  };
  defineResolver(name, { call, useCache: false, raw: true }, true);
}

function string(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new ConfigTypeError({ what: `${name}: expected a string, received ${pythonStr(value)}` });
}

function environment(args: readonly unknown[]): unknown {
  const name = string(args[0], "oc.env");
  const value = process.env[name];
  if (value !== undefined) return value;
  if (args.length < 2) {
    throw new ConfigKeyError({
      what: `the environment variable '${name}' is not set`,
      fix: `set it, or give a default: \${oc.env:${name},default}`,
    });
  }
  return args[1] === null ? null : pythonStr(args[1]);
}

function decode([text]: readonly unknown[], { parent, node }: ResolverContext): unknown {
  if (text === null) return null;
  const element = parseElement(string(text, "oc.decode"));
  return rawValue(new Evaluation(parent, node, new Set()).element(element));
}

const defaultMessage = "'$OLD_KEY' is deprecated. Change your code and config to use '$NEW_KEY'";

function deprecated([key, message = defaultMessage]: readonly unknown[], { parent, node }: ResolverContext): Node {
  const path = string(key, "oc.deprecated");
  const template = string(message, "oc.deprecated");
  const target = selectNode(parent, path, { absolute: true });
  const oldKey = node.fullKey();
  if (target === undefined) {
    throw new ConfigKeyError({ what: `in oc.deprecated at '${oldKey}': the key '${path}' is not there` });
  }
  const names: Readonly<Record<string, string>> = { OLD_KEY: oldKey, NEW_KEY: target.fullKey() };
  const text = template.replace(/\$(?:(\w+)|\{(\w+)\})/g, (all, bare, braced) => names[bare ?? braced] ?? all);
  getLogger("hydra").warnOnce(text);
  return target;
}

function dictAt(key: unknown, parent: Container, name: string): DictConfig {
  const path = string(key, name);
  const absent = Symbol("absent");
  const found = selectRaw(parent, path, { absolute: true, throwOnMissing: true, default: absent });
  if (found === absent) throw new ConfigKeyError({ what: `the key '${path}' is not there` });
  if (found instanceof DictConfig) return found;
  throw new ConfigTypeError({ what: `${name} needs a mapping at '${path}', but it is ${pythonStr(found)}` });
}

function dictValues([key]: readonly unknown[], { parent }: ResolverContext): ListConfig {
  const dict = dictAt(key, parent, "oc.dict.values");
  const list = new ListConfig();
  list.parent = parent;
  // The list is one level further down, so a relative key needs one more dot.
  const path = (key as string).startsWith(".") ? `.${key}` : key;
  for (const name of dict.keys()) list.attach(new ValueNode(`\${${path}.${keyText(name)}}`));
  return list;
}

function createConfig([source]: readonly unknown[], { parent }: ResolverContext): unknown {
  if (source === null) return null;
  if (typeof source === "object" && (Array.isArray(source) || source instanceof Map || isConfig(source))) {
    return create(source, { parent });
  }
  if (typeof source === "string") return create(source, { parent });
  throw new ConfigError({ what: `oc.create cannot make a configuration of ${pythonStr(source)}` });
}

function registerBuiltIns(): void {
  builtIn("oc.create", 1, 1, createConfig);
  builtIn("oc.decode", 1, 1, decode);
  builtIn("oc.deprecated", 1, 2, deprecated);
  builtIn("oc.env", 1, 2, environment);
  builtIn("oc.select", 1, 2, (args, { parent }) => {
    const options = args.length > 1 ? { default: args[1] } : {};
    return selectRaw(parent, string(args[0], "oc.select"), { absolute: true, ...options });
  });
  builtIn("oc.dict.keys", 1, 1, (args, { parent }) => {
    const keys = [...dictAt(args[0], parent, "oc.dict.keys").keys()];
    return create(keys, { parent });
  });
  builtIn("oc.dict.values", 1, 1, dictValues);
}

registerBuiltIns();
