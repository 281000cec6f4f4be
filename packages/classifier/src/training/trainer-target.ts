import type { Target } from "@classifier-training/base";
import { type ContainerTarget, Float, isInt } from "@classifier-training/hydra";

/** Options where Lightning tells `1` (one batch) from `1.0` (all of them). */
const batchLimits = new Set([
  "limit_train_batches",
  "limit_val_batches",
  "limit_test_batches",
  "limit_predict_batches",
  "overfit_batches",
  "val_check_interval",
]);

/** A trainer's target that marks counts of batches: YAML knows ints from floats, JavaScript does not. */
export function countingBatches(target: Target): ContainerTarget {
  return {
    ...target,
    takesContainers: true,
    invoke: (args, kwargs) =>
      target.invoke(
        args.map(plain),
        Object.fromEntries(
          Object.entries(kwargs).map(([name, value]) => {
            const isCount = batchLimits.has(name) && isInt(value);
            return [name, isCount ? { batches: Number(value) } : plain(value)];
          }),
        ),
      ),
  };
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, entry]) => [String(key), plain(entry)]));
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof Float ? value.value : value;
}
