import { expect, test } from "vitest";
import { dataKey } from "./cache.ts";
import { ImageDataset } from "./dataset.ts";
import { defineImageStep } from "./image-step.ts";

/** Images of 2x1 pixels, of which the left one tells the image and the right one is black. */
function images(name: string, first: number, count: number, classes = ["a", "b"]): ImageDataset {
  const data = new Uint8Array(new SharedArrayBuffer(count * 6));
  for (let i = 0; i < count; i++) data.fill(first + i, 6 * i, 6 * i + 3);
  return new ImageDataset({
    name,
    source: { kind: "pixels", data, width: 2, height: 1, channels: 3 },
    targets: Int32Array.from({ length: count }, (_, i) => i % 2),
    classToIdx: new Map(classes.map((label, i) => [label, i])),
    paths: Array.from({ length: count }, (_, i) => `${name}/${i}`),
  });
}

const reds = async (dataset: ImageDataset) =>
  Promise.all(Array.from({ length: dataset.length }, async (_, i) => (await dataset.get(i)).image.data[0]));

test("a concatenation has the images, labels and names of both", async () => {
  const both = images("one", 10, 3).concat(images("two", 20, 2));
  expect(await reds(both)).toEqual([10, 11, 12, 20, 21]);
  expect([...both.targets]).toEqual([0, 1, 0, 0, 1]);
  expect(both.paths).toEqual(["one/0", "one/1", "one/2", "two/0", "two/1"]);
  expect(await reds(both.subset([4, 0]))).toEqual([21, 10]);
});

test("datasets that number their classes otherwise are not concatenated", () => {
  expect(() => images("one", 1, 2).concat(images("two", 1, 2, ["b", "a"]))).toThrow(
    "two has another class_to_idx than one",
  );
});

const Brighten = defineImageStep<Uint8Array<SharedArrayBuffer>>({
  name: "brighten",
  module: import.meta.url,
  create: (by) => ({
    appliesTo: (index) => by[index] !== 0,
    apply: (image, index) => ({ ...image, data: image.data.map((value) => value + (by[index] as number)) }),
  }),
});

test("a step changes each image by its index, and its shared options may change while the dataset is in use", async () => {
  const by = new Uint8Array(new SharedArrayBuffer(2));
  const dataset = images("one", 10, 2).withStep(Brighten(by));
  expect(await reds(dataset)).toEqual([10, 11]);
  by[1] = 5;
  expect(await reds(dataset)).toEqual([10, 16]);
  expect(await reds(dataset.withStep(Brighten(by)))).toEqual([10, 21]);
});

test("a step that its module does not define is refused", async () => {
  const step = { name: "darken", module: import.meta.url, options: undefined };
  await expect(images("one", 10, 2).withStep(step).get(0)).rejects.toThrow(
    "expected the module to define the image step 'darken'",
  );
});

test("a step and its options are part of what a cache is found by, its module's place is not", () => {
  const dataset = images("one", 10, 2);
  const step = Brighten(new Uint8Array(new SharedArrayBuffer(2)));
  const key = dataKey(dataset.withStep(step));
  expect(key).not.toBe(dataKey(dataset));
  expect(dataKey(dataset.withStep({ ...step, module: "file:///elsewhere.js" }))).toBe(key);
  expect(dataKey(dataset.withStep({ ...step, options: new Uint8Array([1, 0]) }))).not.toBe(key);
});
