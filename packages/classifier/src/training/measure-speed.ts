import { setLogSinks } from "@classifier-training/base";
import { type DictConfig, get, instantiate, select } from "@classifier-training/hydra";
import { Callback, type LightningModule, type TrainerView } from "@classifier-training/lightning";
import { manualSeed, OtherProcessCpuLoad, processorCount } from "@classifier-training/torch";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import { buildTrainer } from "./build-trainer.ts";
import { buildDataModule, buildModel } from "./components.ts";
import { useAllCores } from "./compute-threads.ts";
import { checkpointFolder } from "./stored-network.ts";

/** How fast a configuration trains here. */
export interface Speed {
  /** Seconds that an image takes in a training step, its loading and the turn of epochs included. */
  readonly trainS: number;
  /** Seconds that it takes in validation. */
  readonly validationS: number;
  /** How many times as long as alone the work of one thread takes beside the other programs of this machine: 1 to 5. */
  readonly contention: number;
}

/** The first steps set up workers, caches and kernels. */
const warmUpSteps = 2;
const leastSteps = 3;
const validationBatches = 3;

/**
 * Trains a few steps of a configuration on its own batches, with its precision and moving average, and keeps nothing.
 * @param seconds for the steps, when they are fast
 * @param opened the data, as far as it is open
 */
export async function measureSpeed(
  config: DictConfig,
  seconds: number,
  opened: ClassificationDataModule,
): Promise<Speed> {
  const restore = setLogSinks([]);
  try {
    manualSeed(Number(get(config, "seed", 42)));
    useAllCores();
    const datamodule = await buildDataModule(config, Number(get(config, "seed", 42)));
    datamodule.shareOpened(opened);
    await datamodule.setup?.("fit");
    // Weights from elsewhere are as fast as random ones.
    const model = await buildModel(config, datamodule, { untrained: true, checkpoints: [checkpointFolder(config)] });
    model.setClassWeights(datamodule.getClassWeights());
    const clock = new StepClock(Number(select(config, "data.batch_size")), seconds);
    const ema = select(config, "callbacks.ema") as DictConfig | null | undefined;
    const others = new OtherProcessCpuLoad();
    const trainer = await buildTrainer(config, {
      callbacks: [...(ema == null ? [] : [(await instantiate(ema)) as Callback]), clock],
      logger: [],
      default_root_dir: process.cwd(),
      enable_checkpointing: false,
      enable_progress_bar: false,
      enable_model_summary: false,
      num_sanity_val_steps: 0,
      // The other ranks of a training start with it.
      devices: 1,
      num_nodes: 1,
      strategy: "auto",
      limit_val_batches: { batches: validationBatches },
      max_epochs: 1_000_000,
      max_time: null,
      check_val_every_n_epoch: 1_000_000,
    });
    await trainer.fit(model, { datamodule });
    await trainer.validate(model, { datamodule, verbose: false });
    const free = processorCount() - others.busyProcessors();
    return { ...clock.speed(), contention: 1 / Math.min(1, Math.max(0.2, free)) };
  } finally {
    restore();
  }
}

/** Stops a training after some seconds, and knows how long its steps took. */
class StepClock extends Callback {
  readonly #batchSize: number;
  readonly #seconds: number;
  #steps = 0;
  #since = 0;
  #images = 0;
  #trained = 0;
  #batchStart = 0;
  readonly #validated: number[] = [];

  constructor(batchSize: number, seconds: number) {
    super();
    this.#batchSize = batchSize;
    this.#seconds = seconds;
  }

  override onTrainBatchEnd(trainer: TrainerView, _module: LightningModule, _outputs: unknown, batch: unknown): void {
    const now = performance.now();
    if (++this.#steps <= warmUpSteps) {
      this.#since = now;
      return;
    }
    this.#images += imagesOf(batch) ?? this.#batchSize;
    this.#trained = (now - this.#since) / 1000;
    if (this.#steps - warmUpSteps >= leastSteps && this.#trained >= this.#seconds) trainer.shouldStop = true;
  }

  override onValidationBatchStart(): void {
    this.#batchStart = performance.now();
  }

  override onValidationBatchEnd(
    _trainer: TrainerView,
    _module: LightningModule,
    _output: unknown,
    batch: unknown,
  ): void {
    this.#validated.push((performance.now() - this.#batchStart) / 1000 / (imagesOf(batch) ?? this.#batchSize));
  }

  speed(): Pick<Speed, "trainS" | "validationS"> {
    const trainS = this.#trained / Math.max(1, this.#images);
    const validated = [...this.#validated].sort((a, b) => a - b);
    return { trainS, validationS: Math.min(trainS, validated[validated.length >> 1] ?? trainS) };
  }
}

function imagesOf(batch: unknown): number | undefined {
  return (batch as { indices?: readonly number[] } | undefined)?.indices?.length;
}
