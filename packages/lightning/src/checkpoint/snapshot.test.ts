import { serialization, type Tensor, tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { fill, holds, type Layout, type Snapshot } from "./snapshot.ts";

function layoutOf(tensors: ReadonlyMap<string, Tensor>): Layout {
  return new Map(serialization.layOutTensors(tensors).map((entry) => [entry.name, entry]));
}

function snapshotOf(tensors: ReadonlyMap<string, Tensor>): Snapshot {
  const layout = layoutOf(tensors);
  const dataBytes = Math.max(...[...layout.values()].map(({ end }) => end));
  const snapshot = { buffer: { data: new SharedArrayBuffer(dataBytes), users: 1 }, tensors, layout };
  fill(snapshot);
  return snapshot;
}

const big = Array.from({ length: 20_000 }, (_, i) => i);

test("a snapshot holds the tensors that it was taken of, and views of the same memory", () => {
  const weight = tensor(big);
  const snapshot = snapshotOf(new Map([["w", weight]]));
  const again = new Map([["w", weight.detach()]]);
  expect(holds(snapshot, again, layoutOf(again))).toBe(true);
});

test("a snapshot does not hold another big tensor of the same shape, whatever is in it", () => {
  const snapshot = snapshotOf(new Map([["w", tensor(big)]]));
  const other = new Map([["w", tensor(big)]]);
  expect(holds(snapshot, other, layoutOf(other))).toBe(false);
});

test("a small tensor that is made anew for each checkpoint is held if it is equal", () => {
  const snapshot = snapshotOf(new Map([["rng", tensor([1, 2, 3])]]));
  const equal = new Map([["rng", tensor([1, 2, 3])]]);
  const other = new Map([["rng", tensor([1, 2, 4])]]);
  expect(holds(snapshot, equal, layoutOf(equal))).toBe(true);
  expect(holds(snapshot, other, layoutOf(other))).toBe(false);
});

test("a snapshot with other names or more tensors is another one", () => {
  const weight = tensor([1, 2]);
  const snapshot = snapshotOf(new Map([["w", weight]]));
  const renamed = new Map([["v", weight]]);
  const more = new Map([
    ["w", weight],
    ["b", weight],
  ]);
  expect(holds(snapshot, renamed, layoutOf(renamed))).toBe(false);
  expect(holds(snapshot, more, layoutOf(more))).toBe(false);
});
