import { expect, test } from "vitest";
import { RandomSampler, SequentialSampler } from "./basic.ts";
import { DistributedBatchSampler, DistributedSampler } from "./distributed.ts";
import { RepeatedAugmentationSampler } from "./repeated-augmentation.ts";
import { RotatingSampler } from "./rotating.ts";
import { countOccurrences } from "./sampler.ts";
import { SubstitutingSampler } from "./substituting.ts";
import { classSampler, WeightedRandomSampler } from "./weighted.ts";

const targets = Int32Array.from({ length: 1000 }, (_, i) => (i < 900 ? 0 : i < 990 ? 1 : 2));
const classToIdx = new Map([
  ["many", 0],
  ["some", 1],
  ["few", 2],
]);

function classFractions(indices: Int32Array): number[] {
  const counts = [0, 0, 0];
  for (const index of indices) counts[targets[index] as number]!++;
  return counts.map((count) => count / indices.length);
}

test("a random sampler visits every sample once, in another order each epoch", () => {
  const sampler = new RandomSampler(100, { seed: 3 });
  expect([...sampler.order(0)].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  const order = sampler.order(0);
  expect(sampler.order(0)).toEqual(order);
  expect(sampler.order(0)).not.toEqual(sampler.order(1));
});

test("auto weights sample the classes equally often, and the order is kept", () => {
  const sampler = classSampler({ targets, classToIdx }, { mode: "auto", numSamples: 9000 });
  const order = sampler.order(0);
  for (const fraction of classFractions(order)) expect(fraction).toBeCloseTo(1 / 3, 1);
  expect((sampler as WeightedRandomSampler).lastOrder).toEqual(order);
});

test("manual weights weigh each sample by its class", () => {
  const weights = { many: 1, some: 10, few: 0 };
  const order = classSampler(
    { targets, classToIdx },
    { mode: "manual", classWeights: weights, numSamples: 9000 },
  ).order(0);
  const [many, some, few] = classFractions(order);
  expect(many).toBeCloseTo(0.5, 1);
  expect(some).toBeCloseTo(0.5, 1);
  expect(few).toBe(0);
});

test("without replacement no sample occurs twice, and the heavy ones come early", () => {
  const weights = targets.map((target) => (target === 2 ? 0 : target === 1 ? 50 : 1));
  const candidates = weights.filter((weight) => weight > 0).length;
  const all = new WeightedRandomSampler(weights, { replacement: false, numSamples: candidates }).order(0);
  expect(new Set(all).size).toBe(candidates);
  expect([...all].every((i) => (weights[i] as number) > 0)).toBe(true);
  const few = classSampler(
    { targets, classToIdx },
    { mode: "manual", classWeights: { many: 1, some: 50, few: 0 }, replacement: false, numSamples: 60 },
  );
  expect(classFractions(few.order(0))[1]).toBeGreaterThan(0.6);
  const order = few.order(0);
  expect(few.order(0)).toEqual(order);
  expect(() => new WeightedRandomSampler([1, 0], { replacement: false })).toThrow(
    "2 samples without replacement from 1 with a positive weight",
  );
});

test("manual weights must name exactly the classes", () => {
  const make = (classWeights: Record<string, number>) => () =>
    classSampler({ targets, classToIdx }, { mode: "manual", classWeights });
  expect(make({ many: 1 })).toThrow("class_weights has no weight for some, few");
  expect(make({ many: 1, some: 1, few: 1, more: 1 })).toThrow("classes that do not exist: more");
  expect(() => new WeightedRandomSampler([0, 0])).toThrow("expected a positive one, received only 0");
});

test("distributed parts together are the whole order, padded to equal lengths", () => {
  const inner = new SequentialSampler(10);
  const parts = [0, 1, 2].map((rank) => new DistributedSampler(inner, { rank, worldSize: 3 }));
  expect(parts.map((part) => [...part.order(0)])).toEqual([
    [0, 3, 6, 9],
    [1, 4, 7, 0],
    [2, 5, 8, 1],
  ]);
  expect([...(parts[1]?.occurrences(0) ?? [])]).toEqual([0, 0, 0, 1]);
  expect(new DistributedSampler(inner, { rank: 2, worldSize: 3, dropLast: true }).length).toBe(3);
  expect(() => new DistributedSampler(inner, { rank: 3, worldSize: 3 })).toThrow("rank: expected 0 to 2, received 3");
});

test("for evaluation the processes get whole batches in turn, and each sample comes to one of them", () => {
  const inner = new SequentialSampler(7);
  const parts = [0, 1, 2].map((rank) => new DistributedBatchSampler(inner, 2, { rank, worldSize: 3 }));
  expect(parts.map((part) => [...part.order(0)])).toEqual([
    [0, 1, 6],
    [2, 3],
    [4, 5],
  ]);
  expect(parts.map(({ length }) => length)).toEqual([3, 2, 2]);
  const small = [0, 1].map((rank) => new DistributedBatchSampler(new SequentialSampler(3), 8, { rank, worldSize: 2 }));
  expect(small.map(({ length }) => length)).toEqual([3, 0]);
});

test("occurrences count earlier samples of the same index", () => {
  expect([...countOccurrences([4, 2, 4, 4, 2])]).toEqual([0, 0, 1, 2, 1]);
});

test("samples that are switched off are replaced by others, each as often as the next, until they are switched on", () => {
  const enabled = Uint8Array.of(1, 0, 0, 1, 0, 1, 0, 0);
  const sampler = new SubstitutingSampler(new RandomSampler(8, { seed: 3 }), enabled, { seed: 3 });
  const inner = new RandomSampler(8, { seed: 3 });
  const order = [...sampler.order(2)];
  expect(order).toHaveLength(8);
  for (const [i, index] of inner.order(2).entries()) if (enabled[index] === 1) expect(order[i]).toBe(index);
  const counts = [0, 3, 5].map((index) => order.filter((other) => other === index).length);
  expect(counts.sort()).toEqual([2, 3, 3]);
  expect([...sampler.order(2)]).toEqual(order);
  enabled.fill(1);
  expect([...sampler.order(2)]).toEqual([...inner.order(2)]);
  enabled.fill(0);
  expect([...sampler.order(2)]).toEqual([...inner.order(2)]);
});

test("the first samples come in every epoch; the others take turns, and all have had theirs before one comes again", () => {
  const sampler = new RotatingSampler(5, 7, 3, { seed: 1 });
  const orders = Array.from({ length: 7 }, (_, epoch) => [...sampler.order(epoch)]);
  for (const order of orders) {
    expect(order).toHaveLength(sampler.length);
    expect(order.filter((index) => index < 5).sort()).toEqual([0, 1, 2, 3, 4]);
  }
  const turns = orders.flatMap((order) => order.filter((index) => index >= 5));
  const counts = [5, 6, 7, 8, 9, 10, 11].map((index) => turns.filter((other) => other === index).length);
  expect(counts).toEqual([3, 3, 3, 3, 3, 3, 3]);
  expect(new Set(orders.slice(0, 2).flat()).size).toBe(5 + 6);
  expect([...sampler.order(4)]).toEqual(orders[4]);
  expect(new Set(orders.map((order) => order.join())).size).toBe(7);
  expect([...new RotatingSampler(2, 3, 9).order(0)].sort()).toEqual([0, 1, 2, 3, 4]);
});

test("repeated augmentation visits copies in a row, and each sample as often as without it in so many epochs", () => {
  const sampler = new RepeatedAugmentationSampler(new RandomSampler(10, { seed: 4 }), 3);
  const epochs = [0, 1, 2].map((epoch) => [...sampler.order(epoch)]);
  expect(epochs.map(({ length }) => length)).toEqual([10, 10, 10]);
  const visits = epochs.flat();
  expect(visits.filter((_, i) => i % 3 === 0)).toEqual([...new RandomSampler(10, { seed: 4 }).order(0)]);
  for (let i = 0; i < 10; i++) expect(visits.filter((index) => index === i)).toHaveLength(3);
  expect([...sampler.order(3)]).not.toEqual(epochs[0]);
  // Two processes share the copies, which are augmented otherwise.
  const ranks = [0, 1].map((rank) => new DistributedSampler(sampler, { rank, worldSize: 2 }));
  expect(ranks.map((rank) => rank.occurrences(0)[0])).toEqual([0, 1]);
  expect(ranks.map((rank) => rank.order(0)[0])).toEqual([visits[0], visits[0]]);
  expect(() => new RepeatedAugmentationSampler(sampler, 0)).toThrow("expected an integer of at least 1, received 0");
});
