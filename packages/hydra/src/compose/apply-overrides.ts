import { CtError, editDistance, maskArgument, nearestName } from "@classifier-training/base";
import { ConfigCompositionError, HydraError, throwCollected } from "../errors.ts";
import { type Container, DictConfig, isConfig, ListConfig } from "../omegaconf/containers.ts";
import { ConfigError, ConfigKeyError, ConfigTypeError, MissingMandatoryValue } from "../omegaconf/errors.ts";
import { openDict } from "../omegaconf/flags.ts";
import { type Key, keyText, type Node, ValueNode } from "../omegaconf/node.ts";
import { type Origin, withOrigin } from "../omegaconf/origin.ts";
import { select, selectRaw } from "../omegaconf/select.ts";
import { update } from "../omegaconf/update.ts";
import type { Override } from "../overrides/index.ts";
import { elementText, type PlainValue } from "../overrides/override.ts";
import { pythonEquals } from "./equals.ts";

/**
 * The options of a mapping that its config does not list, and that may be set all the same; by default there are none,
 * which is Hydra's rule.
 */
export type UnlistedOptions = (parent: DictConfig) => readonly string[];

const none: UnlistedOptions = () => [];

/** Applies the overrides that set, add, extend and delete values, in order. All that fail are reported together. */
export function applyOverrides(overrides: readonly Override[], config: DictConfig, unlisted = none): void {
  const problems: CtError[] = [];
  for (const override of overrides) {
    try {
      applyOverride(override, config, unlisted);
    } catch (error) {
      if (!(error instanceof HydraError)) throw error;
      problems.push(error);
    }
  }
  throwCollected(problems);
}

/** Applies one override. @throws ConfigCompositionError with Hydra's suggestions */
export function applyOverride(override: Override, config: DictConfig, unlisted = none): void {
  const { inputLine, keyOrGroup } = override;
  if (override.package !== undefined) {
    throw new ConfigCompositionError(
      `Override ${maskArgument(inputLine)} looks like a config group override, but config group '${keyOrGroup}' does not exist.`,
    );
  }
  try {
    const origin: Origin = { kind: "override", source: inputLine };
    withOrigin(origin, () => apply(override, config, origin, unlisted));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigCompositionError(`Error merging override ${maskArgument(inputLine)}\n${error.message}`, {
      cause: error,
    });
  }
}

function apply(override: Override, config: DictConfig, origin: Origin, unlisted: UnlistedOptions) {
  const value = override.value();
  if (!override.isDelete) refuseBelowNull(config, override.keyOrGroup, value);
  switch (override.type) {
    case "DEL":
      return deleteKey(override, value, config);
    case "ADD":
      return addKey(override, value, config, origin);
    case "FORCE_ADD":
      return update(config, override.keyOrGroup, value, { merge: true, forceAdd: true, origin });
    case "EXTEND_LIST":
    case "REMOVE_FROM_LIST":
      return editList(override, value as PlainValue[], config);
    default:
      return changeKey(override, value, config, origin, unlisted);
  }
}

function changeKey(
  override: Override,
  value: PlainValue,
  config: DictConfig,
  origin: Origin,
  unlisted: UnlistedOptions,
) {
  const { keyOrGroup } = override;
  try {
    update(config, keyOrGroup, value, { merge: true, origin });
  } catch (error) {
    if (!(error instanceof ConfigKeyError)) throw error;
    const place = firstUnlisted(config, keyOrGroup);
    const options = place === undefined ? [] : unlisted(place.parent);
    if (place !== undefined && options.includes(place.option)) {
      update(config, keyOrGroup, value, { merge: true, forceAdd: true, origin });
      return;
    }
    const near = nearestKey(config, keyOrGroup, options);
    throw new ConfigCompositionError(
      `Could not override '${keyOrGroup}'.` +
        (near === undefined ? "" : `\nDid you mean '${near}'?`) +
        `\nTo append to your config use +${maskArgument(override.inputLine)}`,
      { cause: error },
    );
  }
}

/** The mapping at which a path leaves what a configuration lists, and the name that it does not have. */
function firstUnlisted(config: DictConfig, path: string): { parent: DictConfig; option: string } | undefined {
  let at: Node | undefined = config;
  for (const part of path.split(".")) {
    if (!(at instanceof DictConfig)) return undefined;
    const next: Node | undefined = at.node(part);
    if (next === undefined) return { parent: at, option: part };
    at = next;
  }
  return undefined;
}

function addKey(override: Override, value: PlainValue, config: DictConfig, origin: Origin) {
  const { keyOrGroup, inputLine } = override;
  const isContainer = Array.isArray(value) || value instanceof Map;
  if (!isContainer && selectRaw(config, keyOrGroup) !== null) {
    throw new ConfigCompositionError(
      `Could not append to config. An item is already at '${keyOrGroup}'.\n` +
        `Either remove + prefix: '${maskArgument(inputLine.slice(1))}'\n` +
        `Or add a second + to add or override '${keyOrGroup}': '+${maskArgument(inputLine)}'`,
    );
  }
  update(config, keyOrGroup, value, { merge: true, forceAdd: true, origin });
}

function editList(override: Override, values: readonly PlainValue[], config: DictConfig) {
  const { keyOrGroup } = override;
  const list = select(config, keyOrGroup, { throwOnMissing: true });
  if (!(list instanceof ListConfig)) {
    const action = override.type === "EXTEND_LIST" ? "append to" : "remove from";
    throw new ConfigCompositionError(
      `Could not ${action} config list. The existing value of '${keyOrGroup}' is ${show(list)} which is not a list.`,
    );
  }
  for (const value of values) {
    if (override.type === "EXTEND_LIST") {
      list.append(value);
      continue;
    }
    const index = list.content.findIndex((_, at) => pythonEquals(selectRaw(list, `[${at}]`), value));
    if (index === -1) {
      throw new ConfigCompositionError(`Could not remove from config list '${keyOrGroup}': it has no ${show(value)}.`);
    }
    list.delete(index);
  }
}

/** A mapping or list of a schema that is null has nothing below it, and nothing can be merged into it. */
function refuseBelowNull(config: DictConfig, path: string, value: PlainValue) {
  const parts = path.split(".");
  let at: Node | undefined = config;
  for (const [index, part] of parts.entries()) {
    if (!(at instanceof DictConfig)) return;
    at = at.node(part);
    const isLast = index === parts.length - 1;
    const isMerged = !isLast || Array.isArray(value) || value instanceof Map;
    const isTyped = at instanceof ValueNode && (at.type?.accepts === "dict" || at.type?.accepts === "list");
    if (!isTyped || !isMerged || (at as ValueNode).value !== null) continue;
    throw new ConfigTypeError({
      what: `Cannot set '${path}' because '${parts.slice(0, index + 1).join(".")}' is null`,
      origin: at?.origin,
      fix: "give it a value in a config file first",
    });
  }
}

const absent = Symbol("absent");

function deleteKey(override: Override, value: PlainValue, config: DictConfig) {
  const key = override.keyOrGroup;
  const lastDot = key.lastIndexOf(".");
  const found = currentValue(config, key);
  const parent = lastDot === -1 ? config : selectRaw(config, key.slice(0, lastDot), { default: absent });
  if (!isConfig(parent) || found === absent) {
    const near = nearestKey(config, key);
    throw new ConfigCompositionError(
      `Could not delete from config. '${key}' does not exist.${near === undefined ? "" : `\nDid you mean '${near}'?`}`,
    );
  }
  if (override.valueType !== undefined && !pythonEquals(value, found)) {
    throw new ConfigCompositionError(
      `Could not delete from config. The value of '${key}' is ${show(found)} and not ${show(value)}.`,
    );
  }
  const last = key.slice(lastDot + 1);
  openDict(config, () => {
    if (parent instanceof DictConfig) parent.delete(last);
    else parent.delete(listPosition(last, parent));
  });
}

function listPosition(text: string, list: ListConfig): number {
  const index = Number(text);
  return index < 0 ? index + list.size : index;
}

/** The value at a key; `???` for a missing one. */
function currentValue(config: Container, key: string): unknown {
  try {
    return selectRaw(config, key, { throwOnMissing: true, default: absent });
  } catch (error) {
    if (error instanceof MissingMandatoryValue) return "???";
    throw error;
  }
}

function show(value: unknown): string {
  if (isConfig(value)) return value instanceof DictConfig ? "a mapping" : "a list";
  if (value === null) return "None";
  return typeof value === "string" ? value : elementText(value as never);
}

/**
 * The key path nearest to one that does not exist: one part of it is respelt, else the last part is that of another path.
 * @param options names that may stand beside those of the mapping where the path ends
 */
export function nearestKey(config: DictConfig, path: string, options: readonly string[] = []): string | undefined {
  const parts = path.split(".");
  let at: unknown = config;
  for (const [index, part] of parts.entries()) {
    if (!(at instanceof DictConfig)) break;
    const node = at.node(part);
    if (node === undefined) {
      const names = [...[...at.keys()].map((key) => keyText(key as Key)), ...options];
      const near = nearestName(part, names);
      const respelt =
        near === undefined ? undefined : [...parts.slice(0, index), near, ...parts.slice(index + 1)].join(".");
      const isWhole = respelt !== undefined && (index === parts.length - 1 || exists(config, respelt));
      return isWhole ? respelt : (sameLastName(config, path) ?? respelt);
    }
    try {
      at = selectRaw(at, part);
    } catch (error) {
      if (!CtError.is(error)) throw error;
      return undefined;
    }
  }
  return undefined;
}

function exists(config: DictConfig, path: string): boolean {
  return firstUnlisted(config, path) === undefined;
}

/** The path that ends as another one does: `model.lr` for `model.optimizer.lr`; of several, the nearest. */
function sameLastName(config: DictConfig, path: string): string | undefined {
  const last = path.slice(path.lastIndexOf(".") + 1);
  const found: string[] = [];
  const visit = (node: DictConfig, prefix: string) => {
    for (const child of node.nodes()) {
      const key = prefix === "" ? keyText(child.key as Key) : `${prefix}.${keyText(child.key as Key)}`;
      if (key === "hydra") continue;
      if (keyText(child.key as Key) === last) found.push(key);
      if (child instanceof DictConfig) visit(child, key);
    }
  };
  visit(config, "");
  return found.sort((a, b) => editDistance(path, a) - editDistance(path, b))[0];
}
