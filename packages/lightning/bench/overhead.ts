import { join } from "node:path";
import { nn, optim, rand, randint, scope, type Tensor, tensor } from "@classifier-training/torch";
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
  override configureOptimizers() {
    return new optim.SGD(this.parameters(), { lr: 0.001, momentum: 0.9 });
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

interface Pair {
  readonly bareMs: number;
  readonly trainerMs: number;
}

/**
 * Runs a training whose loader, between handing out two batches, takes a step of its own in a bare loop on a second
 * model: steps of both sides alternate, so that whatever else the machine does meets both.
 */
async function alternate(root: string, make: () => Compared, batch: Batch, steps: number): Promise<readonly Pair[]> {
  const bareModule = make();
  const optimizer = bareModule.configureOptimizers();
  const pairs: Pair[] = [];
  const bareStep = () =>
    scope(() => {
      const loss = bareModule.loss(batch);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    });
  const loader = {
    length: steps,
    keepsBatches: true,
    async *batches({ startBatch }: LoaderPosition) {
      for (let i = startBatch; i < steps; i++) {
        const begin = performance.now();
        bareStep();
        const handedOut = performance.now();
        yield batch;
        pairs.push({ bareMs: handedOut - begin, trainerMs: performance.now() - handedOut });
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
  await trainer.fit(make(), { trainDataloaders: loader });
  return pairs.slice(Math.ceil(steps / 10));
}

/** What the trainer adds to a step of a bare loop. */
export async function overhead(root: string): Promise<void> {
  const empty = await alternate(root, () => new Empty(), { x: tensor([[1]]), y: tensor([0]) }, 4000);
  const added = median(empty.map(({ bareMs, trainerMs }) => trainerMs - bareMs));
  say(
    `empty model, ${empty.length} pairs of steps: bare loop ${median(empty.map(({ bareMs }) => bareMs)).toFixed(3)} ms, ` +
      `Trainer ${median(empty.map(({ trainerMs }) => trainerMs)).toFixed(3)} ms`,
  );
  say(`  the Trainer adds ${added.toFixed(3)} ms a step (limit 1 ms)`);
  const batchSize = 8;
  const pictures = {
    x: rand([batchSize, 3, 224, 224]),
    y: randint(0, 43, [batchSize]),
  };
  const whole = await alternate(root, () => new ResNet18(), pictures, 40);
  const share = median(whole.map(({ bareMs, trainerMs }) => trainerMs / bareMs - 1));
  say(
    `ResNet18, ${batchSize} pictures of 224 px, ${whole.length} pairs of steps: bare loop ` +
      `${median(whole.map(({ bareMs }) => bareMs)).toFixed(1)} ms, Trainer ${median(whole.map(({ trainerMs }) => trainerMs)).toFixed(1)} ms`,
  );
  say(`  the Trainer adds ${(100 * share).toFixed(2)}% (limit 1%)`);
}
