import { ConfigCompositionError, throwCollected } from "../errors.ts";
import type { Override } from "../overrides/index.ts";
import { type DefaultsProblem, TreeBuilder } from "./build.ts";
import { ConfigDefault, GroupDefault, type InputDefault, VirtualRoot } from "./elements.ts";
import { DefaultsOverrides } from "./overrides.ts";
import type { DefaultsRepository } from "./repository.ts";
import { DefaultsTreeNode } from "./tree.ts";

/** The name of the config that stands for none at all. */
const emptyConfigName = "_dummy_empty_config_";

/** One config of the final defaults list: merged in this order, each at its package. */
export interface ResultDefault {
  readonly configPath: string;
  /** Where in the output it goes; `""` is the root. */
  readonly package: string;
  readonly parent: string | undefined;
  readonly isSelf: boolean;
  readonly isPrimary: boolean;
  readonly overrideKey: string | undefined;
}

export interface DefaultsList {
  readonly defaults: readonly ResultDefault[];
  readonly tree: DefaultsTreeNode;
  /** The overrides of values, not of config groups, in order. */
  readonly configOverrides: readonly Override[];
  /** What was chosen of each config group. */
  readonly choices: ReadonlyMap<string, string | null>;
  /** Configs that could not be loaded; the list is then without them. */
  readonly problems: readonly DefaultsProblem[];
}

export interface DefaultsListOptions {
  /** Put Hydra's own configuration before the primary config. */
  readonly prependHydra: boolean;
  /** Skip choices that are `???` instead of refusing them. */
  readonly skipMissing: boolean;
  /** Return configs that could not be loaded as `problems` instead of throwing. */
  readonly keepProblems?: boolean;
}

/** Computes the defaults list of a primary config (or of none) under overrides. */
export function createDefaultsList(
  repository: DefaultsRepository,
  configName: string | undefined,
  overrides: readonly Override[],
  options: DefaultsListOptions,
): DefaultsList {
  const state = new DefaultsOverrides(repository, overrides);
  const primary = new ConfigDefault(configName ?? emptyConfigName);
  primary.primary = true;
  const root = options.prependHydra
    ? new DefaultsTreeNode(new VirtualRoot(), undefined, [new ConfigDefault("hydra/config"), primary])
    : new DefaultsTreeNode(primary);
  const builder = new TreeBuilder(repository, state, options.skipMissing);
  const tree = builder.build(root);
  const { problems } = builder;
  if (options.keepProblems !== true) throwCollected(problems.map(({ error }) => error));
  const defaults = flatten(tree);
  if (problems.length === 0) {
    ensureNoDuplicates(defaults);
    state.ensureAllUsed();
  }
  return { defaults, tree, configOverrides: state.configOverrides, choices: state.knownChoices, problems };
}

function flatten(root: DefaultsTreeNode): ResultDefault[] {
  const list: ResultDefault[] = [];
  const visit = (parent: DefaultsTreeNode | undefined, node: InputDefault) => {
    if (node.deleted || node.isMissing) return;
    const result = resultOf(parent, node);
    if (result !== undefined && result.configPath !== emptyConfigName) list.push(result);
  };
  const walk = (tree: DefaultsTreeNode) => {
    if (tree.children === undefined || tree.children.length === 0) return visit(tree.parent, tree.node);
    for (const child of tree.children) {
      if (child instanceof DefaultsTreeNode) walk(child);
      else visit(tree, child);
    }
  };
  walk(root);
  return list;
}

function resultOf(parent: DefaultsTreeNode | undefined, node: InputDefault): ResultDefault | undefined {
  if (node.isVirtual || node.name() === null) return undefined;
  if (node.isSelf && parent !== undefined) {
    return {
      configPath: parent.node.configPath(),
      package: parent.node.finalPackage(),
      parent: parent.parent?.node.configPath(),
      isSelf: true,
      isPrimary: parent.node.primary,
      overrideKey: undefined,
    };
  }
  return {
    configPath: node.configPath(),
    package: node.finalPackage(),
    parent: parent?.node.configPath(),
    isSelf: false,
    isPrimary: node.primary,
    overrideKey: node instanceof GroupDefault ? node.overrideKey() : undefined,
  };
}

function ensureNoDuplicates(defaults: readonly ResultDefault[]) {
  const seen = new Set<string>();
  for (const { isSelf, overrideKey } of defaults) {
    if (isSelf || overrideKey === undefined) continue;
    if (seen.has(overrideKey)) {
      throw new ConfigCompositionError(`${overrideKey} appears more than once in the final defaults list`);
    }
    seen.add(overrideKey);
  }
}
