import { CtError, optionsTarget } from "@classifier-training/base";
import { type DictConfig, Float, isInt, originText, select, toRaw } from "@classifier-training/hydra";
import { type Callback, type Logger, Trainer, trainerOptionsSchema } from "@classifier-training/lightning";

/** Options where Lightning tells `1` (one batch) from `1.0` (all of them). */
const batchLimits = new Set([
  "limit_train_batches",
  "limit_val_batches",
  "limit_test_batches",
  "limit_predict_batches",
  "overfit_batches",
  "val_check_interval",
]);

const target = optionsTarget(trainerOptionsSchema, (options) => new Trainer(options));

/** What a program adds to the configuration's options, under their names there. */
export interface TrainerParts {
  readonly callbacks: readonly Callback[];
  readonly logger: readonly Logger[];
  readonly default_root_dir: string;
  readonly enable_checkpointing?: boolean;
}

/** @throws CtError naming the option of `trainer` that is unknown or wrong */
export function buildTrainer(config: DictConfig, parts: TrainerParts): Trainer {
  const node = select(config, "trainer") as DictConfig;
  try {
    return target.invoke([], { ...keywords(node), ...parts }) as Trainer;
  } catch (error) {
    if (!CtError.is(error) || error.code !== "target/options") throw error;
    throw new CtError({
      ...error.problem,
      where: `trainer, ${node.origin === undefined ? "the configuration" : originText(node.origin)}`,
    });
  }
}

/** The node's options. YAML knows ints from floats, JavaScript does not: a count of batches is marked. */
function keywords(config: DictConfig): Record<string, unknown> {
  const raw = toRaw(config, { resolve: true }) as Map<unknown, unknown>;
  return Object.fromEntries(
    [...raw]
      .filter(([key]) => key !== "_target_")
      .map(([key, value]) => {
        const name = String(key);
        const count = batchLimits.has(name) && isInt(value);
        return [name, count ? { batches: Number(value) } : plain(value)];
      }),
  );
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, entry]) => [String(key), plain(entry)]));
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof Float ? value.value : value;
}
