// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { HydraError } from "../errors.ts";
import "../omegaconf/resolvers.ts";
import { DictConfig, isConfig, type ListConfig } from "../omegaconf/containers.ts";
import { ConfigError, ConfigTypeError } from "../omegaconf/errors.ts";
import { openDict } from "../omegaconf/flags.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { findResolver, type ResolverContext } from "../omegaconf/resolver-table.ts";
import { registerContextResolver, registerResolver } from "../omegaconf/resolvers.ts";
import { select, selectRaw } from "../omegaconf/select.ts";
import { toRaw } from "../omegaconf/to-container.ts";
import { parseOverrides } from "../overrides/index.ts";
import { strftime } from "./strftime.ts";

let current: DictConfig | undefined;

/** The `hydra` node of the job that runs: what `${hydra:...}` reads. */
export const HydraConfig = {
  /** @throws HydraError when no job runs */
  get(): DictConfig {
    const hydra = current?.node("hydra");
    if (hydra instanceof DictConfig) return hydra;
    throw new HydraError({
      code: "hydra/no-job",
      what: "HydraConfig was not set",
      fix: "${hydra:...} and HydraConfig.get() work in the function that main() runs, and after HydraConfig.set()",
    });
  },
  /** Sets the whole configuration (with its `hydra` node); returns what was set before. */
  set(config: DictConfig | undefined): DictConfig | undefined {
    const before = current;
    current = config;
    return before;
  },
  get isSet(): boolean {
    return current?.has("hydra") ?? false;
  },
};

/** A copy of a configuration without Hydra's own node: what a task gets. */
export function withoutHydraCopy(config: DictConfig): DictConfig {
  const copy = config.copy();
  copy.content.delete("hydra");
  return copy;
}

let registered = false;

/** Registers `now`, `hydra`, `hydra_override_dirname` and `node_version`. */
export function registerHydraResolvers(): void {
  if (registered) return;
  registered = true;
  registerResolver("now", (format: string) => strftime(format, new Date()), { useCache: true, replace: true });
  registerResolver("hydra", (path: string) => selectRaw(HydraConfig.get(), path), { replace: true });
  registerContextResolver("hydra_override_dirname", overrideDirname, { replace: true });
  registerContextResolver("hydra_deprecated_override_dirname", overrideDirname, { replace: true });
  registerResolver("node_version", nodeVersion, { replace: true });
  // Configurations written for Python put this into directory names; here it is the runtime's version as well.
  registerResolver("python_version", nodeVersion, { replace: true });
}

function nodeVersion(level = "minor"): string | null {
  const parts = process.versions.node.split(".");
  const count = ["major", "minor", "micro"].indexOf(level) + 1;
  return count === 0 ? null : parts.slice(0, count).join(".");
}

interface DirnameOptions {
  readonly kvSep: string;
  readonly itemSep: string;
  readonly excludeKeys: readonly string[];
  readonly elementResolver: string | undefined;
}

/** The overrides of the task in one name, `db=mysql,lr=0.1`: sorted, without the excluded keys. */
function overrideDirname(args: readonly unknown[], context: ResolverContext): string {
  const own = selectRaw(context.root, "hydra");
  const hydra = own instanceof DictConfig ? own : HydraConfig.get();
  const options = dirnameOptions(args[0] ?? null, hydra);
  const lines = toRaw(selectRaw(hydra, "overrides.task") as ListConfig) as string[];
  const items = parseOverrides(lines)
    .filter(({ keyOrGroup }) => !options.excludeKeys.includes(keyOrGroup))
    .map(({ inputLine }) => inputLine)
    .sort()
    .map((line) => resolvedItem(line.replaceAll("=", options.kvSep), context));
  if (options.elementResolver === undefined) return items.join(options.itemSep);
  const resolver = findResolver(options.elementResolver);
  if (resolver === undefined)
    throw new ConfigError({ what: `Unknown OmegaConf resolver '${options.elementResolver}'` });
  return items.map((item) => pythonStr(resolver.call([item], context))).join(options.itemSep);
}

function dirnameOptions(given: unknown, hydra: DictConfig): DirnameOptions {
  const isGiven = given !== null;
  const source = isGiven ? given : selectRaw(hydra, "job.config.override_dirname");
  const plain = isConfig(source) ? toRaw(source, { resolve: true }) : source;
  const value = (name: string): unknown =>
    plain instanceof Map ? plain.get(name) : (plain as Record<string, unknown> | undefined)?.[name];
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) {
    throw new ConfigTypeError({ what: "hydra_override_dirname options must be a dictionary" });
  }
  const text = (name: string, fallback: string): string => {
    const found = value(name) ?? fallback;
    if (typeof found === "string") return found;
    throw new ConfigTypeError({ what: `hydra_override_dirname ${name} must be a string` });
  };
  const excludeKeys = value("exclude_keys") ?? [];
  if (!Array.isArray(excludeKeys) || excludeKeys.some((key) => typeof key !== "string")) {
    throw new ConfigTypeError({ what: "hydra_override_dirname exclude_keys must be a list of strings" });
  }
  const elementResolver = value("element_resolver") === undefined ? undefined : text("element_resolver", "");
  return { kvSep: text("kv_sep", "="), itemSep: text("item_sep", ","), excludeKeys, elementResolver };
}

function resolvedItem(item: string, { root }: ResolverContext): string {
  if (!item.includes("${")) return item;
  const key = "_hydra_override_dirname_item";
  const copy = root.copy();
  if (!(copy instanceof DictConfig)) return item;
  openDict(copy, () => copy.set(key, item));
  return pythonStr(select(copy, key));
}
