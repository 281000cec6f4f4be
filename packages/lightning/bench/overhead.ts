import { join } from "node:path";
import { governor, nn, optim, rand, randint, scope, type Tensor, tensor } from "@classifier-training/torch";
import { CSVLogger, LightningModule, type LoaderPosition, Trainer } from "../src/index.ts";
import { median, resnet18, say } from "./support.ts";

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** A model with its loss and optimizer, as both sides of the comparison use it. */
abstract class Compared extends LightningModule<Batch> {
  abstract readonly net: nn.Sequential;
  abstract loss(batch: Batch): Tensor;

  override trainingStep(batch: Batch): Tensor {
    const loss = this.loss(batch);
    this.log("loss", loss, { onStep: true, onEpoch: true, progBar: true });
    return loss;
  }
  #optimizer: optim.SGD | undefined;

  get sharedOptimizer(): optim.SGD {
    this.#optimizer ??= new optim.SGD(this.parameters(), { lr: 0.001, momentum: 0.9 });
    return this.#optimizer;
  }
  override configureOptimizers() {
    return this.sharedOptimizer;
  }
}

class Empty extends Compared {
  readonly net = new nn.Sequential(new nn.Linear(1, 1));
  override loss({ x }: Batch): Tensor {
    return this.net.call(x).mean();
  }
}

class ResNet18 extends Compared {
  readonly net = resnet18(43);
  override loss({ x, y }: Batch): Tensor {
    return nn.functional.crossEntropy(this.net.call(x), y);
  }
}

/** What one step took, in milliseconds of processor time (all threads) and of the clock. */
interface Cost {
  readonly cpu: number;
  readonly wall: number;
}

function startClock(): () => Cost {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  return () => {
    const ended = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    return { cpu: (user + system) / 1000, wall: ended - wall };
  };
}

interface Steps {
  readonly bare: readonly Cost[];
  readonly trainer: readonly Cost[];
}

/**
 * Runs a training whose loader, between handing out two batches, takes a step of its own in a bare loop, with the same
 * module and optimizer: steps of both sides alternate, over the same memory, so that whatever else the machine does meets
 * both. The number of compute threads stays what it is.
 */
async function alternate(root: string, module: Compared, batch: Batch, steps: number): Promise<Steps> {
  const bare: Cost[] = [];
  const trainers: Cost[] = [];
  const optimizer = module.sharedOptimizer;
  const bareStep = () =>
    scope(() => {
      const loss = module.loss(batch);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    });
  const loader = {
    length: steps,
    keepsBatches: true,
    async *batches({ startBatch }: LoaderPosition) {
      for (let i = startBatch; i < steps; i++) {
        const ofBare = startClock();
        bareStep();
        bare.push(ofBare());
        const ofTrainer = startClock();
        yield batch;
        trainers.push(ofTrainer());
      }
    },
  };
  const trainer = new Trainer({
    maxEpochs: 1,
    defaultRootDir: root,
    enableCheckpointing: false,
    enableModelSummary: false,
    enableProgressBar: false,
    logger: new CSVLogger({ saveDir: join(root, "overhead"), name: null, version: "" }),
  });
  const governed = governor.enabled;
  governor.enabled = false;
  await trainer.fit(module, { trainDataloaders: loader });
  governor.enabled = governed;
  const warmUp = Math.ceil(steps / 10);
  return { bare: bare.slice(warmUp), trainer: trainers.slice(warmUp) };
}

interface Comparison {
  readonly pairs: number;
  /** Medians, ms a step. */
  readonly bare: number;
  readonly trainer: number;
  /** The median of what a trainer's step took beyond the mean of the bare ones before and after it, ms. */
  readonly added: number;
  /** Its standard error, from the median of absolute deviations, ms. */
  readonly error: number;
}

function compare({ bare, trainer }: Steps, kind: keyof Cost): Comparison {
  const differences: number[] = [];
  for (let i = 0; i + 1 < bare.length; i++) {
    const [before, between, after] = [bare[i], trainer[i], bare[i + 1]] as [Cost, Cost, Cost];
    differences.push(between[kind] - (before[kind] + after[kind]) / 2);
  }
  const added = median(differences);
  const spread = 1.4826 * median(differences.map((value) => Math.abs(value - added)));
  return {
    pairs: differences.length,
    bare: median(bare.map((cost) => cost[kind])),
    trainer: median(trainer.map((cost) => cost[kind])),
    added,
    error: (1.2533 * spread) / Math.sqrt(differences.length),
  };
}

/** What the trainer adds to a step of a bare loop. */
export async function overhead(root: string): Promise<void> {
  const empty = await alternate(root, new Empty(), { x: tensor([[1]]), y: tensor([0]) }, 4000);
  for (const [kind, name] of kinds) {
    const { pairs, bare, trainer, added, error } = compare(empty, kind);
    say(
      `empty model, ${pairs} pairs of steps, ${name}: bare loop ${bare.toFixed(3)} ms, Trainer ${trainer.toFixed(3)} ms; ` +
        `the Trainer adds ${added.toFixed(3)} ms a step (+- ${error.toFixed(3)}; limit 1 ms)`,
    );
  }
  const batchSize = 4;
  const images = {
    x: rand([batchSize, 3, 224, 224]).contiguous("channels_last"),
    y: randint(0, 43, [batchSize]),
  };
  const whole = await alternate(root, new ResNet18(), images, 160);
  for (const [kind, name] of kinds) {
    const { pairs, bare, trainer, added, error } = compare(whole, kind);
    const percent = (value: number) => ((100 * value) / bare).toFixed(2);
    say(
      `ResNet18, ${batchSize} images of 224 px, ${pairs} pairs of steps, ${name}: bare loop ${bare.toFixed(1)} ms, ` +
        `Trainer ${trainer.toFixed(1)} ms; the Trainer adds ${percent(added)}% (+- ${percent(error)}; limit 1%)`,
    );
  }
}

const kinds = [
  ["cpu", "processor time"],
  ["wall", "wall time"],
] as const;
