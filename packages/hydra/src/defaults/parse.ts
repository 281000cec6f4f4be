import { ConfigLoadError } from "../errors.ts";
import { Float } from "../yaml/scalars.ts";
import { ConfigDefault, GroupDefault, type InputDefault } from "./elements.ts";

/** A defaults list as YAML gives it: strings and maps of one key, interpolations not resolved. */
export type RawDefaults = readonly unknown[];

/** Reads the entries of a config's defaults list. Throws {@link ConfigLoadError}, naming the config. */
export function parseDefaults(configPath: string, items: RawDefaults): InputDefault[] {
  return items.map((item) => {
    if (typeof item === "string") {
      const [path, packageName] = splitPackage(item);
      return new ConfigDefault(path, packageName);
    }
    const entries = mapEntries(item);
    if (entries === undefined) throw new ConfigLoadError(`Unsupported type in defaults : ${pythonType(item)}`);
    return groupDefault(configPath, item, entries);
  });
}

function groupDefault(
  configPath: string,
  item: unknown,
  entries: readonly (readonly [unknown, unknown])[],
): GroupDefault {
  const shown = () => JSON.stringify(item instanceof Map ? Object.fromEntries(item) : item);
  const [entry] = entries;
  if (entries.length > 1) throw new ConfigLoadError(`In ${configPath}: Too many keys in default item ${shown()}`);
  if (entry === undefined) throw new ConfigLoadError(`In ${configPath}: Missing group name in {}`);
  const [key, value] = entry;
  if (typeof key !== "string") {
    throw new ConfigLoadError(`In ${configPath}: the config group in ${shown()} must be a string`);
  }
  const [groupWithKeywords, packageName] = splitPackage(key);
  const words = groupWithKeywords.split(/\s+/).filter((word) => word !== "");
  const group = words.pop();
  if (group === undefined) throw new ConfigLoadError(`In ${configPath}: Missing group name in defaults list`);
  const unknown = words.find((word) => word !== "optional" && word !== "override");
  if (unknown !== undefined) {
    throw new ConfigLoadError(`In ${configPath}: Unsupported keyword '${unknown}' in defaults list`, {
      fix: "the keywords are 'optional' and 'override'",
    });
  }
  const result = new GroupDefault(group, choiceOf(value), {
    package: packageName,
    optional: words.includes("optional"),
    override: words.includes("override"),
  });
  result.normalize();
  return result;
}

function choiceOf(value: unknown): string | null | string[] {
  if (value === null || typeof value === "string") return value;
  if (!Array.isArray(value)) {
    throw new ConfigLoadError(`Unsupported item value in defaults : ${pythonType(value)}. Supported: string or list`);
  }
  return value.map((option) => {
    if (typeof option === "string") return option;
    throw new ConfigLoadError(
      `Unsupported item value in defaults : ${pythonType(option)}, nested list items must be strings`,
    );
  });
}

/** Splits `group@package`; of the old renaming form `group@from:to` only `from` counts. */
function splitPackage(text: string): [string, string | undefined] {
  const at = text.indexOf("@");
  if (at === -1) return [text, undefined];
  const packageName = text.slice(at + 1);
  const colon = packageName.indexOf(":");
  return [text.slice(0, at), colon === -1 ? packageName : packageName.slice(0, colon)];
}

function mapEntries(item: unknown): readonly (readonly [unknown, unknown])[] | undefined {
  if (item instanceof Map) return [...item];
  const isPlain = typeof item === "object" && item !== null && !Array.isArray(item) && !(item instanceof Float);
  return isPlain ? Object.entries(item) : undefined;
}

function pythonType(value: unknown): string {
  if (value === null || value === undefined) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "str";
  if (typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value))) return "int";
  if (typeof value === "number" || value instanceof Float) return "float";
  return Array.isArray(value) ? "list" : "dict";
}
