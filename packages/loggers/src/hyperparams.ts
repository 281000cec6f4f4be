import type { PlainValue } from "@classifier-training/lightning";

/** Nested records as one level, `a/b/c`, as Lightning flattens hyperparameters. */
export function flattenHyperparams(
  params: Readonly<Record<string, PlainValue>>,
  delimiter = "/",
): Map<string, PlainValue> {
  const flat = new Map<string, PlainValue>();
  const visit = (value: PlainValue, path: string) => {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) visit(inner, path === "" ? key : path + delimiter + key);
    } else flat.set(path, value);
  };
  visit(params, "");
  return flat;
}
