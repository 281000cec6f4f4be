import { camelCase } from "@classifier-training/base";
import { type DictConfig, Float, isInt, toRaw } from "@classifier-training/hydra";

/** Options where Lightning tells `1` (one batch) from `1.0` (all of them). */
const batchLimits = new Set([
  "limit_train_batches",
  "limit_val_batches",
  "limit_test_batches",
  "limit_predict_batches",
  "overfit_batches",
  "val_check_interval",
]);

/** The `trainer` node as the Trainer's options. YAML knows ints from floats, JavaScript does not: a count is marked. */
export function trainerOptions(config: DictConfig): Record<string, unknown> {
  const raw = toRaw(config, { resolve: true }) as Map<unknown, unknown>;
  return Object.fromEntries(
    [...raw]
      .filter(([key]) => key !== "_target_")
      .map(([key, value]) => {
        const name = String(key);
        const count = batchLimits.has(name) && isInt(value);
        return [camelCase(name), count ? { batches: Number(value) } : plain(value)];
      }),
  );
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, entry]) => [String(key), plain(entry)]));
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof Float ? value.value : value;
}
