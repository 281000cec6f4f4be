import { linkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { full, nn, noGrad, optim, rand, scope, type Tensor } from "@classifier-training/torch";
import { EMACallback, LightningModule, ModelCheckpoint, Trainer } from "../src/index.ts";
import { median, resnet18, say } from "./support.ts";

/** ResNet18 with AdamW; images are tiny, since only its weights matter here. */
class Heavy extends LightningModule<Tensor> {
  readonly net = resnet18();
  override trainingStep(batch: Tensor): Tensor {
    return nn.functional.crossEntropy(this.net.call(batch), full([batch.shape[0] ?? 1], 1, { dtype: "int64" }));
  }
  override configureOptimizers() {
    return new optim.AdamW(this.parameters(), { lr: 1e-4 });
  }
}

async function timed(run: () => unknown): Promise<number> {
  const begin = performance.now();
  await run();
  return performance.now() - begin;
}

/** How long training stands still for a save: from the call to the moment when the next batch can begin. */
async function stallWith(root: string, ema: boolean): Promise<void> {
  const stalls: number[] = [];
  const pairs: number[] = [];
  const bare: number[] = [];
  const copies: { source: Tensor; copy: Tensor }[] = [];
  class Saves extends Heavy {
    override async onTrainBatchEnd(_outputs: unknown, _batch: Tensor, batchIdx: number): Promise<void> {
      // The first save comes where an epoch of a few batches would end.
      if (batchIdx < 4) return;
      stalls.push(await timed(() => this.trainer.saveCheckpoint(join(root, "stall.ckpt"))));
      await this.trainer.flushCheckpoints();
      pairs.push(
        await timed(async () => {
          await this.trainer.saveCheckpoint(join(root, "best.ckpt"));
          await this.trainer.saveCheckpoint(join(root, "last.ckpt"), { sameTensors: true });
        }),
      );
      await this.trainer.flushCheckpoints();
      copies[0] ??= { source: full([numbers], 1), copy: full([numbers], 0) };
      const { source, copy } = copies[0];
      bare.push(await timed(() => noGrad(() => scope(() => void copy.copy_(source)))));
    }
  }
  const module = new Saves();
  const weights = [...module.parameters()].reduce((sum, { numel }) => sum + numel, 0);
  const numbers = weights * (ema ? 4 : 3);
  const steps = 16;
  const trainer = new Trainer({
    maxSteps: steps,
    defaultRootDir: root,
    enableModelSummary: false,
    enableProgressBar: false,
    logger: false,
    callbacks: [...(ema ? [new EMACallback()] : []), new ModelCheckpoint({ dirpath: join(root, "ck"), saveTopK: 0 })],
  });
  const one = rand([4, 3, 64, 64]);
  await trainer.fit(module, { trainDataloaders: Array.from({ length: steps }, () => one) });
  const [first = Number.NaN, ...later] = stalls;
  say(
    `saving ${(weights / 1e6).toFixed(1)} M weights with AdamW's state${ema ? " and EMA" : ""} (${(numbers / 2 ** 18).toFixed(0)} MiB): ` +
      `the first save stops training for ${first.toFixed(1)} ms, later ones for a median of ${median(later).toFixed(1)} ms, ` +
      `${Math.max(...later).toFixed(1)} ms at worst (limit 50 ms)`,
  );
  say(
    `  best and last at one step: median ${median(pairs).toFixed(1)} ms; LibTorch's copy of as many bytes, warm: ${median(bare).toFixed(1)} ms`,
  );
}

export async function stalls(root: string): Promise<void> {
  await stallWith(root, false);
  await stallWith(root, true);
}

/** How long it takes to find and restore the last of a thousand checkpoints, each of ResNet18 with AdamW. */
export async function resuming(root: string): Promise<void> {
  const dirpath = join(root, "thousand");
  const train = async (maxSteps: number, ckptPath: string | null) => {
    const trainer = new Trainer({
      maxSteps,
      defaultRootDir: root,
      enableModelSummary: false,
      enableProgressBar: false,
      logger: false,
      callbacks: [new ModelCheckpoint({ dirpath, saveLast: true, everyNTrainSteps: 1 })],
    });
    const one = rand([4, 3, 64, 64]);
    await trainer.fit(new Heavy(), { trainDataloaders: [one, one], ckptPath });
    return trainer;
  };
  await train(1, null);
  const past = new Date(Date.now() - 60_000);
  const last = join(dirpath, "last.ckpt");
  for (let i = 1; i <= 1000; i++) linkSync(last, join(dirpath, `epoch=${i}.ckpt`));
  utimesSync(last, past, past);
  let started = Number.NaN;
  class Resumed extends Heavy {
    override onTrainStart(): void {
      started = performance.now();
    }
  }
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const trainer = new Trainer({
      maxSteps: 2,
      defaultRootDir: root,
      enableModelSummary: false,
      enableProgressBar: false,
      logger: false,
      callbacks: [new ModelCheckpoint({ dirpath, saveTopK: 0 })],
    });
    const module = new Resumed();
    const before = performance.now();
    await trainer.fit(module, { trainDataloaders: [rand([4, 3, 64, 64])], ckptPath: "last" });
    times.push(started - before);
  }
  say(
    `resuming the last of 1,001 checkpoints of 134 MiB: median ${median(times).toFixed(0)} ms to the first step, ${Math.max(...times).toFixed(0)} ms at worst (limit 1,000 ms)`,
  );
}
