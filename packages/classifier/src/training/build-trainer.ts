import { CtError } from "@classifier-training/base";
import { type DictConfig, instantiate, select } from "@classifier-training/hydra";
import { type Callback, type Logger, Trainer } from "@classifier-training/lightning";
import { trainerTargetName } from "./groups.ts";

/** What stands for these options, under their names in the configuration. */
export interface TrainerParts {
  readonly callbacks: readonly Callback[];
  readonly logger: readonly Logger[];
  readonly default_root_dir: string;
  readonly [option: string]: unknown;
}

/**
 * The trainer of a configuration, with whatever its options name by `_target_` (a strategy, a profiler, plugins).
 * @throws CtError naming the option of `trainer` that is unknown or wrong
 */
export async function buildTrainer(config: DictConfig, parts: TrainerParts): Promise<Trainer> {
  const node = select(config, "trainer") as DictConfig;
  const trainer = await instantiate(node, {
    ...(!node.has("_target_") && { _target_: trainerTargetName }),
    _convert_: "all",
    ...parts,
  });
  if (trainer instanceof Trainer) return trainer;
  throw new CtError({
    code: "classifier/config",
    what: "trainer._target_ did not make a Trainer",
    where: "trainer._target_",
    fix: `leave it out, or name a class that extends ${trainerTargetName}`,
  });
}
