import { getLogger } from "@classifier-training/base";
import { type DictConfig, get, type JobContext, select } from "@classifier-training/hydra";
import { CSVLogger, ModelCheckpoint, Trainer } from "@classifier-training/lightning";
import { manualSeed } from "@classifier-training/torch";
import { bestCheckpointIn } from "./checkpoints.ts";
import { buildCallbacks, buildDataModule, buildModel } from "./components.ts";
import { trainerOptions } from "./trainer-options.ts";

const log = getLogger("classifier.evaluate");

/**
 * Measures a checkpoint on the validation or test split, with the callbacks of the configuration.
 * @param ckptPath a file; by default the best checkpoint of the checkpoint callback's folder
 */
export async function evaluateConfig(
  config: DictConfig,
  { outputDir, originalCwd }: JobContext,
  fn: "validate" | "test",
  ckptPath: string | undefined,
): Promise<Readonly<Record<string, number>>> {
  const seed = Number(get(config, "seed", 42));
  manualSeed(seed);
  const datamodule = await buildDataModule(config, seed);
  await datamodule.setup?.(fn);
  const model = await buildModel(config, datamodule.numClasses, { pretrained: false });
  const callbacks = await buildCallbacks(config, false);
  const folder = callbacks.find((callback) => callback instanceof ModelCheckpoint)?.options.dirpath ?? "checkpoints";
  const checkpoint = ckptPath ?? bestCheckpointIn(folder);
  log.info(`${fn} with ${checkpoint}`);
  const trainer = new Trainer({
    ...trainerOptions(select(config, "trainer") as DictConfig),
    callbacks,
    logger: [new CSVLogger({ saveDir: outputDir, name: "", version: "" })],
    defaultRootDir: originalCwd,
  });
  const [metrics = {}] = await trainer[fn](model, { datamodule, ckptPath: checkpoint });
  return metrics;
}
