import { Rng } from "@classifier-training/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Part, partition, unsplit } from "./partition.ts";
import { joinUnits } from "./units.ts";

/** An image: an order that stands for its content, and its label set. */
interface Item {
  readonly order: number;
  readonly labels: readonly number[];
  readonly group?: number;
}

function groupBy<T, K>(values: Iterable<T>, keyOf: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}

/** The part of each image by its order, however the images are listed. */
function partsOf(items: readonly Item[], parts: readonly Part[]): Map<number, number> {
  const names = [...new Set(items.map(({ labels }) => labels.join()))].sort();
  const groups = groupBy(items.keys(), (i) => items[i]?.group);
  groups.delete(undefined);
  const units = joinUnits(
    Float64Array.from(items, ({ order }) => order),
    groups.values(),
  );
  const stratify = {
    setOf: Int32Array.from(items, ({ labels }) => names.indexOf(labels.join())),
    sets: names.map((name) => (name === "" ? [] : name.split(",").map(Number))),
    nameOf: (set: number) => names[set] as string,
  };
  const found = partition(units, stratify, parts);
  return new Map(items.map(({ order }, i) => [order, found[i] as number]));
}

const split = (val: number, test = 0): Part[] =>
  [{ fraction: val, atLeast: 1 }, { fraction: 1 - val - test }, { fraction: test }].filter(
    ({ fraction }) => fraction > 0,
  );
const folds = (count: number): Part[] => Array.from({ length: count }, () => ({ fraction: 1 / count }));

const orders = fc.uniqueArray(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { maxLength: 120 });
/** Images of one label each. */
const items = orders.chain((values) =>
  fc.tuple(...values.map((order) => fc.nat({ max: 3 }).map((label): Item => ({ order, labels: [label] })))),
);
const anyParts = fc.oneof(
  fc.tuple(fc.double({ min: 0.05, max: 0.4, noNaN: true }), fc.constantFrom(0, 0.1, 0.25)).map(([v, t]) => split(v, t)),
  fc.integer({ min: 2, max: 7 }).map(folds),
);
const count = (found: ReadonlyMap<number, number>, of: readonly Item[], part: number) =>
  of.filter(({ order }) => found.get(order) === part).length;

describe("single images of one class each", () => {
  test("each class has its fraction of each part to within one image, and small classes are not split", () => {
    fc.assert(
      fc.property(items, anyParts, (all, parts) => {
        const found = partsOf(all, parts);
        for (const own of groupBy(all, ({ labels }) => labels[0]).values()) {
          if (own.length <= 2) expect(count(found, own, unsplit)).toBe(own.length);
          else {
            expect(count(found, own, unsplit)).toBe(0);
            for (const [part, { fraction, atLeast = 0 }] of parts.entries()) {
              const images = count(found, own, part);
              const isRaised = (parts[0]?.atLeast ?? 0) > (parts[0]?.fraction ?? 0) * own.length;
              expect(Math.abs(images - fraction * own.length)).toBeLessThan(isRaised ? 2 : 1 + 1e-9);
              expect(images).toBeGreaterThanOrEqual(atLeast);
            }
          }
        }
      }),
    );
  });

  test("the order of the list does not matter", () => {
    const shuffled = items.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all], { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, anyParts, ([all, other], parts) => {
        expect([...partsOf(other, parts)].sort()).toEqual([...partsOf(all, parts)].sort());
      }),
    );
  });

  test("an added image moves at most one other of its class across each cut, and none of another class", () => {
    fc.assert(
      fc.property(items, anyParts, fc.double({ min: 0, max: 1, noNaN: true }), (all, parts, order) => {
        if (all.length === 0 || all.some((item) => item.order === order)) return;
        const own = all.filter(({ labels }) => labels[0] === 0);
        const before = partsOf(all, parts);
        const after = partsOf([...all, { order, labels: [0] }], parts);
        const moved = all.filter((item) => before.get(item.order) !== after.get(item.order));
        expect(moved.filter(({ labels }) => labels[0] !== 0)).toEqual([]);
        if (own.length > 2) expect(moved.length).toBeLessThan(parts.length);
      }),
    );
  });

  test("over many small classes the fractions of an image cancel out", () => {
    const all = Array.from(
      { length: 2000 * 3 },
      (_, i): Item => ({ order: ((i * 7919) % 6000) / 6000, labels: [i % 2000] }),
    );
    const found = partsOf(all, folds(5));
    for (let fold = 0; fold < 5; fold++) expect(Math.abs(count(found, all, fold) - 1200)).toBeLessThan(120);
  });
});

test("groups stay together, and their classes are balanced as well as the largest group allows", () => {
  const grouped = items.chain((all) =>
    fc.tuple(...all.map((item) => fc.nat({ max: 25 }).map((group): Item => ({ ...item, group })))),
  );
  fc.assert(
    fc.property(grouped, anyParts, (all, parts) => {
      const found = partsOf(all, parts);
      for (const members of groupBy(all, ({ group }) => group).values())
        expect(new Set(members.map(({ order }) => found.get(order))).size).toBe(1);
    }),
  );
  // 60 players with 1 to 20 images of 4 classes.
  const many = Array.from({ length: 60 }, (_, group) =>
    Array.from(
      { length: 1 + ((group * 7) % 20) },
      (_, i): Item => ({
        order: ((group * 613) % 997) / 997 + i * 1e-6,
        labels: [(group + i * i) % 4],
        group,
      }),
    ),
  ).flat();
  for (const parts of [split(0.2), split(0.2, 0.2), folds(5)]) {
    const found = partsOf(many, parts);
    for (const [label, own] of groupBy(many, ({ labels }) => labels[0]))
      for (const [part, { fraction }] of parts.entries())
        expect(Math.abs(count(found, own, part) / own.length - fraction), `class ${label}, part ${part}`).toBeLessThan(
          0.05,
        );
  }
});

test("a class whose images are all in one group is in training, with the group", () => {
  const all = Array.from(
    { length: 30 },
    (_, i): Item => ({
      order: i / 30,
      labels: [i < 6 ? 1 : 0],
      ...(i < 8 && { group: 0 }),
    }),
  );
  for (const parts of [split(0.5), folds(3)]) {
    const found = partsOf(all, parts);
    for (const { order, group } of all) expect(found.get(order) === unsplit).toBe(group === 0);
  }
});

test("images with several labels: each label has its fraction, frequent label sets to within one image", () => {
  const random = Rng.at("multilabel");
  const all = Array.from({ length: 900 }, (): Item => {
    const order = random.uniform();
    return { order, labels: [0.5, 0.3, 0.2, 0.1, 0.05, 0.03].flatMap((p, label) => (random.chance(p) ? [label] : [])) };
  });
  for (const parts of [split(0.2), split(0.15, 0.15), folds(5)]) {
    const found = partsOf(all, parts);
    for (const [part, { fraction }] of parts.entries()) {
      for (let label = 0; label < 6; label++) {
        const own = all.filter(({ labels }) => labels.includes(label));
        expect(own.length).toBeGreaterThan(20);
        expect(Math.abs(count(found, own, part) - fraction * own.length)).toBeLessThanOrEqual(3);
      }
      for (const own of groupBy(all, ({ labels }) => labels.join()).values())
        if (own.length * fraction >= 1 && own[0]?.labels.length !== 0)
          expect(Math.abs(count(found, own, part) - fraction * own.length)).toBeLessThan(1.5);
    }
  }
});
