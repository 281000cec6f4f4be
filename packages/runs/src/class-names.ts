import { readRegularFile } from "@classifier-training/base";

const maxBytes = 256 * 2 ** 20;

/**
 * Class names by index from a labels file: the `labels_mapping.json` of an export, or another tool's list of names, object
 * from index to name, or from name to index; `undefined` for anything else.
 */
export function readClassNames(path: string): readonly string[] | undefined {
  try {
    return classNames(JSON.parse(readRegularFile(path, maxBytes).toString("utf8")));
  } catch {
    return undefined;
  }
}

function classNames(labels: unknown): readonly string[] | undefined {
  if (Array.isArray(labels)) return labels.every((name) => typeof name === "string") ? labels : undefined;
  if (typeof labels !== "object" || labels === null) return undefined;
  const { class_to_idx: byName, idx_to_class: byIndex } = labels as Record<string, unknown>;
  if (typeof byName === "object" && byName !== null) return classNames(byName);
  if (typeof byIndex === "object" && byIndex !== null) return classNames(byIndex);
  const entries = Object.entries(labels).map(([key, value]) =>
    typeof value === "number" ? ([value, key] as const) : ([Number(key), value] as const),
  );
  const ordered = entries.sort(([a], [b]) => a - b);
  const isWhole = ordered.every(([index, name]) => Number.isInteger(index) && typeof name === "string");
  return isWhole ? ordered.map(([, name]) => name as string) : undefined;
}
