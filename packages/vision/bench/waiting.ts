import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { getNumThreads, manualSeed, nn, optim, scope } from "@classifier-training/torch";
import { trainPipelines } from "../../image/test/recipes.ts";
import { JsonlDataset } from "../src/datasets/jsonl.ts";
import { DataLoader } from "../src/loader/data-loader.ts";
import { createModel } from "../src/models/registry.ts";

// How long a ResNet18 of 224 pixels waits for its batches: real crops, the jersey pipeline, one worker.
// usage: npm run bench:waiting -w packages/vision [-- STEPS [BATCH_SIZE]]

const root = fileURLToPath(new URL("../../../../shared/data/basketball-jersey-numbers-ocr", import.meta.url));
const [steps = 20, batchSize = 32] = process.argv.slice(2).map(Number);
const say = (line: string) => process.stdout.write(`${line}\n`);

if (!existsSync(root)) say("the real crops are not here: nothing measured");
else {
  for (const [name, make] of Object.entries(trainPipelines)) await measure(name, make());
}

async function measure(name: string, transform: ReturnType<(typeof trainPipelines)[string]>): Promise<void> {
  manualSeed(1);
  const dataset = new JsonlDataset({ root, split: "train" });
  const loader = new DataLoader(dataset, {
    batchSize,
    shuffle: true,
    transform,
    numWorkers: 1,
    seed: 1,
    dropLast: true,
  });
  const model = createModel("resnet18", { numClasses: dataset.classToIdx.size });
  model.to({ memoryFormat: "channels_last" });
  model.train();
  const optimizer = new optim.SGD([...model.parameters()], { lr: 0.01, momentum: 0.9 });
  let waited = 0;
  let started = 0;
  let step = 0;
  for await (using batch of loader) {
    // The first batch starts the worker, and compiles: what an epoch pays once.
    if (step === 1) [waited, started] = [loader.stats().waitMs, performance.now()];
    scope(() => {
      const loss = nn.functional.crossEntropy(model.call(batch.images), batch.labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    });
    if (++step > steps) break;
    // As the trainer's hooks do: other tasks of this thread get their turn.
    await new Promise(setImmediate);
  }
  const elapsed = performance.now() - started;
  waited = loader.stats().waitMs - waited;
  await loader.close();
  say(
    `${name}: ${steps} steps of ${batchSize} at 224 px, ${getNumThreads()} compute threads, 1 worker: ` +
      `${(elapsed / steps).toFixed(0)} ms a step, ${((100 * waited) / elapsed).toFixed(2)}% of it waiting for data ` +
      `(load ${(loadavg()[0] as number).toFixed(1)})`,
  );
}
