import { CtError } from "@classifier-training/base";
import { DictConfig, instantiate, isConfig, select } from "@classifier-training/hydra";
import { type Callback, type Logger, Trainer } from "@classifier-training/lightning";
import { trainerTargetName } from "./groups.ts";

/** What a program adds to the configuration's options, under their names there. */
export interface TrainerParts {
  readonly callbacks: readonly Callback[];
  readonly logger: readonly Logger[];
  readonly default_root_dir: string;
  readonly enable_checkpointing?: boolean;
}

/**
 * The trainer of a configuration, with whatever its options name by `_target_` (a strategy, a profiler, plugins); its own
 * callbacks and loggers join those of the program.
 * @throws CtError naming the option of `trainer` that is unknown or wrong
 */
export async function buildTrainer(config: DictConfig, parts: TrainerParts): Promise<Trainer> {
  const node = select(config, "trainer") as DictConfig;
  const trainer = await instantiate(node, {
    ...(!node.has("_target_") && { _target_: trainerTargetName }),
    _convert_: "all",
    ...parts,
    callbacks: [...((await objects(node, "callbacks")) as Callback[]), ...parts.callbacks],
    logger: [...((await objects(node, "logger")) as Logger[]), ...parts.logger],
  });
  if (trainer instanceof Trainer) return trainer;
  throw new CtError({
    code: "classifier/config",
    what: "trainer._target_ did not make a Trainer",
    where: "trainer._target_",
    fix: `leave it out, or name a class that extends ${trainerTargetName}`,
  });
}

/** What a list, or a single `_target_`, in the trainer's configuration stands for. */
async function objects(trainer: DictConfig, key: string): Promise<unknown[]> {
  const node = select(trainer, key);
  if (!isConfig(node)) return [];
  const made = await instantiate(node, { _convert_: "all" });
  if (Array.isArray(made)) return made;
  return node instanceof DictConfig && !node.has("_target_") ? Object.values(made as object) : [made];
}
