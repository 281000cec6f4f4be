import { expect, test } from "vitest";
import { asBatchLoader, type BatchLoader } from "./batch-loader.ts";
import { shardOf } from "./shard.ts";

async function read(loader: BatchLoader<unknown>, startBatch = 0): Promise<unknown[]> {
  const batches: unknown[] = [];
  for await (const batch of loader.batches({ epoch: 0, startBatch })) batches.push(batch);
  return batches;
}

function parts(source: unknown, worldSize: number, training: boolean): BatchLoader<unknown>[] {
  const whole = asBatchLoader(source, "trainDataloader");
  return Array.from({ length: worldSize }, (_, rank) => shardOf(whole, { rank, worldSize, training }));
}

test("in evaluation every batch goes to one rank, and a rank may get none", async () => {
  const loaders = parts(["a", "b", "c", "d", "e"], 3, false);
  expect(await Promise.all(loaders.map((loader) => read(loader)))).toEqual([["a", "d"], ["b", "e"], ["c"]]);
  expect(loaders.map(({ length }) => length)).toEqual([2, 2, 1]);
  const few = parts(["a"], 3, false);
  expect(few.map(({ length }) => length)).toEqual([1, 0, 0]);
  expect(await Promise.all(few.map((loader) => read(loader)))).toEqual([["a"], [], []]);
});

test("in training all ranks get equally many: the first batches come again", async () => {
  const loaders = parts(["a", "b", "c", "d", "e"], 3, true);
  expect(await Promise.all(loaders.map((loader) => read(loader)))).toEqual([
    ["a", "d"],
    ["b", "e"],
    ["c", "a"],
  ]);
  expect(loaders.map(({ length }) => length)).toEqual([2, 2, 2]);
  expect(await Promise.all(parts(["a"], 4, true).map((loader) => read(loader)))).toEqual([["a"], ["a"], ["a"], ["a"]]);
});

test("a shard continues where it was left", async () => {
  const loaders = parts(["a", "b", "c", "d", "e"], 2, true);
  expect(await Promise.all(loaders.map((loader) => read(loader, 1)))).toEqual([
    ["c", "e"],
    ["d", "a"],
  ]);
});

test("of a loader without a length the ranks get complete rounds in training, and everything in evaluation", async () => {
  const source = () => new Set(["a", "b", "c"]).values();
  const training = [0, 1].map((rank) =>
    shardOf(asBatchLoader(source(), "trainDataloader"), { rank, worldSize: 2, training: true }),
  );
  expect(training[0]?.length).toBe(Number.POSITIVE_INFINITY);
  expect(await Promise.all(training.map((loader) => read(loader)))).toEqual([["a"], ["b"]]);
  const evaluation = [0, 1].map((rank) =>
    shardOf(asBatchLoader(source(), "valDataloader"), { rank, worldSize: 2, training: false }),
  );
  expect(await Promise.all(evaluation.map((loader) => read(loader)))).toEqual([["a", "c"], ["b"]]);
});

test("a loader that can divide itself does so", () => {
  const own = { length: 1, async *batches() {} };
  const loader = { length: 2, async *batches() {}, shard: () => own };
  expect(shardOf(loader, { rank: 0, worldSize: 2, training: true })).toBe(own);
});
