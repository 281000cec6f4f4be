/** What the trainer costs: `npm run bench -w packages/lightning`. Both sides of a comparison run in the same process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import { full, getNumThreads, nn, noGrad, optim, scope, type Tensor, tensor, zeros } from "@classifier-training/torch";
import {
  CheckpointIO,
  CSVLogger,
  LightningModule,
  type LoaderPosition,
  ModelCheckpoint,
  Trainer,
} from "../src/index.ts";

const say = (text: string) => process.stdout.write(`${text}\n`);
setLogSinks([]);
const root = mkdtempSync(join(tmpdir(), "lightning-bench-"));

class Empty extends LightningModule<Tensor> {
  readonly w = new nn.Linear(1, 1);
  override forward(x: Tensor): Tensor {
    return this.w.call(x);
  }
  override trainingStep(batch: Tensor): Tensor {
    const loss = this.forward(batch).mean();
    this.log("loss", loss, { onStep: true, onEpoch: true, progBar: true });
    return loss;
  }
  override configureOptimizers() {
    return new optim.SGD(this.parameters(), { lr: 0.01 });
  }
}

const batch = tensor([[1]]);
const steps = 2000;
const loader = {
  length: steps,
  keepsBatches: true,
  async *batches({ startBatch }: LoaderPosition) {
    for (let i = startBatch; i < steps; i++) yield batch;
  },
};

/** The same model and optimizer in a loop of its own. */
function bareLoop(): number {
  const module = new Empty();
  const optimizer = new optim.SGD(module.parameters(), { lr: 0.01 });
  const begin = performance.now();
  for (let i = 0; i < steps; i++) {
    scope(() => {
      const loss = module.forward(batch).mean();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    });
  }
  return (performance.now() - begin) / steps;
}

async function trainerLoop(): Promise<number> {
  const trainer = new Trainer({
    maxEpochs: 1,
    defaultRootDir: root,
    enableCheckpointing: false,
    enableModelSummary: false,
    enableProgressBar: false,
    logger: new CSVLogger({ saveDir: root, name: null, version: "" }),
  });
  const begin = performance.now();
  await trainer.fit(new Empty(), { trainDataloaders: loader });
  return (performance.now() - begin) / steps;
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function overhead(): Promise<void> {
  const bare: number[] = [];
  const trained: number[] = [];
  for (let round = 0; round < 7; round++) {
    bare.push(bareLoop());
    trained.push(await trainerLoop());
  }
  const added = median(trained) - median(bare);
  say(
    `empty model, ${steps} steps: bare loop ${median(bare).toFixed(3)} ms a step, Trainer ${median(trained).toFixed(3)} ms`,
  );
  say(`  the Trainer adds ${added.toFixed(3)} ms a step (limit 1 ms)`);
}

/** As many weights as ResNet18, with AdamW's state beside them. */
class Heavy extends LightningModule<Tensor> {
  readonly blocks = new nn.ModuleList(Array.from({ length: 9 }, () => new nn.Linear(1140, 1140)));
  override forward(x: Tensor): Tensor {
    return [...this.blocks].reduce((value, block) => (block as nn.Linear).call(value), x);
  }
  override trainingStep(one: Tensor): Tensor {
    return this.forward(one).mean();
  }
  override configureOptimizers() {
    return new optim.AdamW(this.parameters(), { lr: 1e-4 });
  }
}

/** How long training stands still for a save: from the call to the moment when the next batch can begin. */
async function stall(): Promise<void> {
  const stalls: number[] = [];
  const bare: number[] = [];
  const pairs = { copied: [] as number[], shared: [] as number[] };
  const timed = async (run: () => void | Promise<void>) => {
    const begin = performance.now();
    await run();
    return performance.now() - begin;
  };
  class Saves extends Heavy {
    override async onTrainBatchEnd(): Promise<void> {
      if (this.globalStep < 2) return;
      // Each save starts with nothing left to write: what is measured is the snapshot.
      await this.trainer.flushCheckpoints();
      stalls.push(await timed(() => this.trainer.saveCheckpoint(join(root, "stall.ckpt"))));
      await this.trainer.flushCheckpoints();
      bare.push(await timed(() => noGrad(() => void copy.copy_(source))));
      // The best and the last checkpoint of one step, with a snapshot each and with one for both.
      for (const [key, times] of [
        ["copied", pairs.copied],
        ["shared", pairs.shared],
      ] as const) {
        times.push(
          await timed(async () => {
            await this.trainer.saveCheckpoint(join(root, "best.ckpt"));
            await this.trainer.saveCheckpoint(join(root, "last.ckpt"), { sameTensors: key === "shared" });
          }),
        );
        await this.trainer.flushCheckpoints();
      }
    }
  }
  const module = new Saves();
  const bytes = [...module.parameters()].reduce((sum, { numel }) => sum + numel, 0) * 3;
  const source = full([bytes], 1);
  const copy = full([bytes], 0);
  const io = new CheckpointIO({ asynchronous: true });
  const trainer = new Trainer({
    maxSteps: 12,
    defaultRootDir: root,
    enableModelSummary: false,
    enableProgressBar: false,
    logger: false,
    plugins: [io],
    callbacks: [new ModelCheckpoint({ dirpath: join(root, "ck"), saveTopK: 0 })],
  });
  const one = zeros([4, 1140]);
  await trainer.fit(module, { trainDataloaders: Array.from({ length: 12 }, () => one) });
  const weights = [...module.parameters()].reduce((sum, { numel }) => sum + numel, 0);
  const [first = Number.NaN, ...later] = stalls;
  say(
    `saving ${(weights / 1e6).toFixed(1)} M weights with AdamW's state: training stands still for ${median(later).toFixed(1)} ms (limit 50 ms)`,
  );
  say(
    `  the first save, which makes the snapshot's memory: ${first.toFixed(1)} ms; worst later: ${Math.max(...later).toFixed(1)} ms`,
  );
  say(`  one bare copy of as many bytes in the same run: ${median(bare).toFixed(1)} ms`);
  say(
    `  best and last at one step: ${median(pairs.copied.slice(1)).toFixed(1)} ms with a snapshot each, ${median(pairs.shared.slice(1)).toFixed(1)} ms with one`,
  );
}

say(`threads: ${getNumThreads()}`);
await overhead();
await stall();
rmSync(root, { recursive: true, force: true });
process.exit(0);
