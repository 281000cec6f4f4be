import { isConfig } from "../omegaconf/containers.ts";
import { toRaw } from "../omegaconf/to-container.ts";
import { Float } from "../yaml/scalars.ts";

/** Python's `==` between values of configurations: 1, 1.0 and true are equal, mappings whatever their order. */
export function pythonEquals(a: unknown, b: unknown): boolean {
  const [x, y] = [comparable(a), comparable(b)];
  if (Array.isArray(x) && Array.isArray(y)) {
    return x.length === y.length && x.every((item, index) => pythonEquals(item, y[index]));
  }
  if (x instanceof Map && y instanceof Map) {
    const other = new Map([...y].map(([key, value]) => [comparable(key), value]));
    return x.size === y.size && [...x].every(([key, value]) => pythonEquals(value, other.get(comparable(key))));
  }
  // biome-ignore lint/suspicious/noDoubleEquals: an int may be a number here and a bigint there
  return typeof x === "bigint" || typeof y === "bigint" ? x == y : x === y;
}

function comparable(value: unknown): unknown {
  if (isConfig(value)) return toRaw(value);
  if (value instanceof Float) return value.value;
  return typeof value === "boolean" ? Number(value) : value;
}
