import type { CtError } from "@classifier-training/base";
import { ConfigCompositionError, ConfigLoadError, MissingConfigError } from "../errors.ts";
import { YamlError } from "../yaml/errors.ts";
import { ConfigDefault, GroupDefault, type InputDefault } from "./elements.ts";
import { configNotFound, mustSpecify } from "./not-found.ts";
import type { DefaultsOverrides } from "./overrides.ts";
import type { DefaultsRepository } from "./repository.ts";
import { DefaultsTreeNode } from "./tree.ts";
import { addImpliedSelf, checkOverrideEntries, validatePaths } from "./validate.ts";

/** Defaults lists nested deeper than this can only be a circle. */
const deepest = 100;

/** A config that is not there or cannot be loaded, and the package that it would have filled. */
export interface DefaultsProblem {
  readonly error: CtError;
  readonly package: string;
}

interface Expansion {
  readonly isRoot?: boolean;
  /** Below a choice that was an interpolation. */
  readonly isInterpolated?: boolean;
  /** Only these overrides apply (those known when an interpolated entry was met). */
  readonly eligible?: ReadonlySet<string> | undefined;
}

/**
 * Expands defaults lists into a tree, from the last entry to the first, so that an `override` entry is known before
 * the entry that it overrides is reached. Interpolated entries wait until all plain choices are known.
 */
export class TreeBuilder {
  readonly #repository: DefaultsRepository;
  readonly #overrides: DefaultsOverrides;
  readonly #skipMissing: boolean;
  /** Configs that are not there or cannot be loaded: all are found before one is reported. */
  readonly problems: DefaultsProblem[] = [];
  #depth = 0;
  /** Interpolated entries, with the overrides that applied where they were met. */
  readonly #deferred = new Map<InputDefault, ReadonlySet<string>>();

  constructor(repository: DefaultsRepository, overrides: DefaultsOverrides, skipMissing: boolean) {
    this.#repository = repository;
    this.#overrides = overrides;
    this.#skipMissing = skipMissing;
  }

  build(root: DefaultsTreeNode): DefaultsTreeNode {
    const tree = this.#expand(root, { isRoot: true });
    while (this.#resolveOne(tree));
    if (this.problems.length === 0) this.#failOnUnresolved(tree);
    return tree;
  }

  #expand(root: DefaultsTreeNode, expansion: Expansion): DefaultsTreeNode {
    const parent = root.node;
    const isRoot = expansion.isRoot ?? false;
    if (parent.isVirtual) return isRoot ? this.#expandVirtualRoot(root) : root;
    if (isRoot) {
      parent.updateParent("", "");
      if (!this.#repository.configExists(parent.configPath())) throw configNotFound(this.#repository, root);
    }
    // The config is loaded once here and once below: repositories keep what they have loaded.
    if (!parent.isMissing) parent.setPackageHeader(this.#repository.loadConfig(parent.configPath())?.packageHeader);
    if (this.#overrides.takeDeletion(parent)) return root;
    this.#overrides.setKnownChoice(parent);
    if (parent.name() === null) return root;
    if (parent.configPath().endsWith("???")) {
      if (this.#skipMissing) return root;
      throw mustSpecify(this.#repository, parent);
    }
    const loaded = this.#repository.loadConfig(parent.configPath());
    if (loaded === undefined) {
      if (!parent.isOptional) throw configNotFound(this.#repository, root);
      parent.deleted = true;
      return root;
    }
    root.children = this.#children(root, loaded.defaults, expansion);
    return root;
  }

  #expandVirtualRoot(root: DefaultsTreeNode): DefaultsTreeNode {
    const children: (DefaultsTreeNode | InputDefault)[] = [];
    for (const entry of [...(root.children ?? [])].reverse() as InputDefault[]) {
      entry.updateParent("", "");
      const subtree = this.#expand(new DefaultsTreeNode(entry, root), { isRoot: entry.primary });
      children.push(subtree.children === undefined ? entry : subtree);
    }
    if (children.length > 0) root.children = children.reverse();
    return root;
  }

  #children(root: DefaultsTreeNode, defaults: readonly InputDefault[], expansion: Expansion) {
    const parent = root.node;
    const isRoot = expansion.isRoot ?? false;
    const entries = defaults.map((entry) => entry.clone());
    const { appended } = this.#overrides;
    if (entries.length > 0 || (isRoot && appended.length > 0)) addImpliedSelf(parent, entries);
    if (isRoot) entries.push(...appended);
    for (const entry of entries) validatePaths(entry, parent);
    checkOverrideEntries(entries, parent, expansion.isInterpolated ?? false);

    const children: (DefaultsTreeNode | InputDefault)[] = [];
    for (const entry of entries.reverse()) {
      if (entry.isSelf) {
        entry.updateParent(parent.parentBaseDir, parent.ownPackage());
        children.push(entry);
      } else if (entry instanceof GroupDefault && entry.override) {
        this.#overrides.addOverride(parent.configPath(), entry);
      } else {
        children.push(...this.#expandEntry(root, entry, expansion));
      }
    }
    return children.length > 0 ? children.reverse() : undefined;
  }

  /** The subtrees of an entry, the last first. */
  #expandEntry(root: DefaultsTreeNode, entry: InputDefault, expansion: Expansion) {
    const parent = root.node;
    entry.updateParent(parent.groupPath(), parent.finalPackage());
    this.#overrides.apply(entry, expansion.eligible);
    validatePaths(entry, parent);
    const below = { isInterpolated: expansion.isInterpolated ?? false, eligible: expansion.eligible };
    const options = entry instanceof GroupDefault ? entry.options() : undefined;
    if (options !== undefined) {
      const nodes = [...options].reverse().map((option) => optionNode(entry as GroupDefault, option, parent));
      return nodes.map((node) => this.#subtree(root, node, below));
    }
    if (entry.isInterpolation) {
      this.#deferred.set(entry, expansion.eligible ?? this.#overrides.overrideKeys());
      return [entry];
    }
    return [this.#subtree(root, entry, below)];
  }

  #subtree(parent: DefaultsTreeNode, node: InputDefault, expansion: Expansion): DefaultsTreeNode | InputDefault {
    const subtree = new DefaultsTreeNode(node, parent);
    if (this.#depth >= deepest) throw endless(subtree);
    this.#depth++;
    try {
      this.#expand(subtree, expansion);
    } catch (error) {
      const isOfOneConfig = error instanceof MissingConfigError || error instanceof ConfigLoadError;
      if (!isOfOneConfig && !(error instanceof YamlError)) throw error;
      this.problems.push({ error, package: node.finalPackage() });
      node.deleted = true;
    } finally {
      this.#depth--;
    }
    return subtree.children === undefined ? subtree.node : subtree;
  }

  /** Expands the first interpolated entry whose choices are known; false when there is none. */
  #resolveOne(tree: DefaultsTreeNode): boolean {
    for (const [index, child] of (tree.children ?? []).entries()) {
      if (child instanceof DefaultsTreeNode) {
        if (this.#resolveOne(child)) return true;
        continue;
      }
      if (!child.isInterpolation) continue;
      const entry = child.clone();
      try {
        entry.resolveInterpolation(this.#overrides.knownChoices);
      } catch (error) {
        // The subtree of another interpolated entry may still bring the choice that is missing.
        if (error instanceof ConfigCompositionError) continue;
        throw error;
      }
      validatePaths(entry, tree.node);
      entry.updateParent(tree.node.groupPath(), tree.node.finalPackage());
      const eligible = this.#deferred.get(child);
      (tree.children as (DefaultsTreeNode | InputDefault)[])[index] = this.#subtree(tree, entry, {
        isInterpolated: true,
        eligible,
      });
      return true;
    }
    return false;
  }

  #failOnUnresolved(tree: DefaultsTreeNode): void {
    for (const child of tree.children ?? []) {
      if (child instanceof DefaultsTreeNode) this.#failOnUnresolved(child);
      else if (child.isInterpolation) child.resolveInterpolation(this.#overrides.knownChoices);
    }
  }
}

/** The error for a config that, by whatever way, asks for itself. */
function endless(tree: DefaultsTreeNode): ConfigCompositionError {
  const path: string[] = [];
  for (let at: DefaultsTreeNode | undefined = tree; at !== undefined; at = at.parent)
    path.unshift(at.node.configPath());
  const cycle = path.slice(path.lastIndexOf(path.at(-1) ?? "", path.length - 2));
  return new ConfigCompositionError(`The defaults lists lead back to where they came from: ${cycle.join(" -> ")}`);
}

/** One option of a list of options (`db: [a, b]`) as an entry of its own. */
function optionNode(entry: GroupDefault, option: string, parent: InputDefault): ConfigDefault {
  if (option.includes("${")) {
    throw new ConfigCompositionError(
      `In '${parent.configPath()}': Defaults List interpolation is not supported in options list items`,
    );
  }
  if (entry.externalAppend) {
    const node = new ConfigDefault(`${entry.groupPath()}/${option}`, entry.package, entry.optional);
    node.updateParent("", "");
    return node;
  }
  const node = new ConfigDefault(`${entry.group}/${option}`, entry.package, entry.optional);
  node.updateParent(parent.groupPath(), parent.finalPackage());
  return node;
}
