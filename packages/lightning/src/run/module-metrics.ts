import { nn, Tensor } from "@classifier-training/torch";
import type { LightningModule } from "../core/module.ts";
import { Metric } from "../metrics/index.ts";

/** The metric objects of a module, by where they are: properties, and arrays, records and Maps of them. */
export function findMetrics(module: LightningModule): Map<string, Metric<unknown>> {
  const found = new Map<string, Metric<unknown>>();
  const visit = (value: unknown, path: string, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 3) return;
    if (value instanceof Metric) {
      found.set(path, value as Metric<unknown>);
      return;
    }
    if (value instanceof Tensor || value instanceof nn.Module || ArrayBuffer.isView(value)) return;
    if (value instanceof Map) {
      for (const [key, item] of value) visit(item, `${path}.${String(key)}`, depth + 1);
    } else if (Array.isArray(value)) {
      // A long array is data, not a list of metrics.
      if (value.length <= 64) for (const [i, item] of value.entries()) visit(item, `${path}.${i}`, depth + 1);
    } else if (Object.getPrototypeOf(value) === Object.prototype) {
      for (const [key, item] of Object.entries(value)) visit(item, `${path}.${key}`, depth + 1);
    }
  };
  for (const [name, submodule] of module.namedModules()) {
    for (const [key, value] of Object.entries(submodule)) visit(value, name === "" ? key : `${name}.${key}`, 0);
  }
  return found;
}
