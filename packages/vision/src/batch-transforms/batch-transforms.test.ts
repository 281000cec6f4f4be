import { fromTypedArray, tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { type BatchTransform, classificationBatch } from "../loader/batch.ts";
import { RandomBatchApply, RandomBatchChoice } from "./containers.ts";
import { CutMix } from "./cut-mix.ts";
import { MixUp } from "./mix-up.ts";

function batchOf(count: number) {
  const pixels = Float32Array.from({ length: count * 3 * 8 * 8 }, (_, i) => Math.floor(i / 192));
  const labels = tensor(
    Array.from({ length: count }, (_, i) => i % 3),
    { dtype: "int64" },
  );
  return classificationBatch(fromTypedArray(pixels, [count, 3, 8, 8]), labels, [...Array(count).keys()]);
}

test("MixUp and CutMix blend neighbors and make soft labels that sum to one", () => {
  for (const Mix of [MixUp, CutMix]) {
    const mix = new Mix({ numClasses: 3 });
    using unnamed = new Mix().apply(batchOf(4), [1, 2, 3], 3);
    using batch = mix.apply(batchOf(4), [1, 2, 3]);
    const labels = batch.labels.tolist() as number[][];
    for (const row of labels) expect(row.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1);
    using again = mix.apply(batchOf(4), [1, 2, 3]);
    expect(again.images.tolist()).toEqual(batch.images.tolist());
    expect(unnamed.labels.tolist()).toEqual(batch.labels.tolist());
    // Sample 1's neighbor is sample 0: the mean of its pixels is its own label's probability.
    const own = labels[1]?.[1] as number;
    expect((batch.images.select(0, 1).mean() as { item(): number }).item()).toBeCloseTo(own, 4);
  }
  expect(() => new MixUp().apply(batchOf(2), [0])).toThrow("the number of classes is not set");
});

test("RandomChoice and RandomApply of batches choose by the batch's key", () => {
  const [mixUp, cutMix] = [new MixUp({ numClasses: 3 }), new CutMix({ numClasses: 3 })];
  const pixels = (transform: BatchTransform, batch: number) => {
    using made = transform.apply(batchOf(4), [1, 0, batch]);
    return JSON.stringify(made.images.tolist());
  };
  const choice = new RandomBatchChoice({ transforms: [mixUp, cutMix] });
  const chosen = Array.from({ length: 24 }, (_, i) =>
    [mixUp, cutMix].findIndex((one) => pixels(one, i) === pixels(choice, i)),
  );
  expect(new Set(chosen)).toEqual(new Set([0, 1]));
  const first = chosen.indexOf(0);
  expect(pixels(new RandomBatchChoice({ transforms: [mixUp, cutMix], p: [0, 1] }), first)).toBe(pixels(cutMix, first));
  const apply = new RandomBatchApply({ transforms: [choice], p: 0.5 });
  const mixed = Array.from({ length: 40 }, (_, i) => {
    using made = apply.apply(batchOf(4), [1, 0, i]);
    return made.labels.ndim;
  });
  expect(new Set(mixed)).toEqual(new Set([1, 2]));
  expect(() => new RandomBatchChoice({ transforms: [mixUp], p: [1, 1] })).toThrow("one value for each transform");
});
