import { ConfigCompositionError } from "../errors.ts";
import { ConfigDefault, GroupDefault, type InputDefault } from "./elements.ts";

type PathType = "config" | "config group" | "config option";

const guidance: Readonly<Record<PathType, string>> = {
  config: "Use an absolute config path instead, such as '/group/config'.",
  "config group": "Use an absolute config group path instead, such as '/group: option'.",
  "config option":
    "Config options cannot contain parent traversal. Select the target config directly. Use '/config' or " +
    "'/group: option' in a Defaults List, or 'group=option' (with '+' when adding a new default) on the command line.",
};

/** Refuses backslashes and `..` in the paths of an entry. */
export function validatePaths(entry: InputDefault, parent: InputDefault): void {
  for (const [type, path] of pathsOf(entry)) {
    const location = parent.isVirtual ? "" : `In ${parent.configPath()}: `;
    if (path.includes("\\")) {
      throw new ConfigCompositionError(
        `${location}Backslash ('\\') in Defaults List ${type} paths is not supported ('${path}').\n` +
          "Use '/' as the config group separator; it is the only supported separator on every operating system.",
      );
    }
    if (path.split("/").includes("..")) {
      throw new ConfigCompositionError(
        `${location}Parent traversal ('..') in Defaults List ${type} paths is not supported ('${path}').\n${guidance[type]}`,
      );
    }
  }
}

function pathsOf(entry: InputDefault): [PathType, string][] {
  if (entry instanceof ConfigDefault) return [["config", entry.path]];
  if (!(entry instanceof GroupDefault)) return [];
  const options = entry.options() ?? (entry.value === null ? [] : [entry.value as string]);
  return [["config group", entry.group], ...options.map((option): [PathType, string] => ["config option", option])];
}

/** Checks that `_self_` stands once at most, and adds it at the end where it is implied. */
export function addImpliedSelf(containing: InputDefault, entries: InputDefault[]): void {
  const selves = entries.filter((entry) => entry.isSelf).length;
  if (selves > 1) throw new ConfigCompositionError(`Duplicate _self_ defined in ${containing.configPath()}`);
  const onlyOverrides = entries.length > 0 && entries.every((entry) => entry.isOverride);
  if (selves === 0 && !onlyOverrides) entries.push(new ConfigDefault("_self_"));
}

/** Checks that `override` entries stand last, and that none is below an interpolated choice. */
export function checkOverrideEntries(entries: readonly InputDefault[], parent: InputDefault, isInterpolated: boolean) {
  let last: GroupDefault | undefined;
  for (const entry of entries) {
    if (entry.isSelf) continue;
    entry.updateParent(parent.groupPath(), parent.finalPackage());
    if (last !== undefined && !entry.isOverride && !entry.isExternalAppend) {
      const name = entry instanceof GroupDefault ? (entry.options() ?? entry.name()) : entry.name();
      throw new ConfigCompositionError(
        `In ${parent.configPath()}: Override '${last.overrideKey()} : ${last.name()}' is defined before ` +
          `'${entry.overrideKey()}: ${name}'.\nOverrides must be at the end of the defaults list`,
      );
    }
    if (!(entry instanceof GroupDefault) || !entry.override) continue;
    last = entry;
    if (isInterpolated) {
      throw new ConfigCompositionError(
        `${parent.configPath()}: Default List Overrides are not allowed in the subtree\n` +
          `of an in interpolated config group (override ${entry.overrideKey()}=${entry.name()}).`,
      );
    }
  }
}
