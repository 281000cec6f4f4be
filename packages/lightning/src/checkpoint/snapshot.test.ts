import { type Tensor, tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { layOut, storedTypes } from "./format.ts";
import { fill, holds, type Snapshot } from "./snapshot.ts";

function layoutOf(tensors: ReadonlyMap<string, Tensor>) {
  return layOut([...tensors].map(([name, { dtype, shape }]) => ({ name, dtype: storedTypes[dtype] ?? "F32", shape })));
}

function snapshotOf(tensors: ReadonlyMap<string, Tensor>): Snapshot {
  const { tensors: layout, dataBytes } = layoutOf(tensors);
  const snapshot = { buffer: { data: new SharedArrayBuffer(dataBytes), users: 1 }, tensors, layout };
  fill(snapshot);
  return snapshot;
}

const big = Array.from({ length: 20_000 }, (_, i) => i);

test("a snapshot holds the tensors that it was taken of, and views of the same memory", () => {
  const weight = tensor(big);
  const snapshot = snapshotOf(new Map([["w", weight]]));
  const again = new Map([["w", weight.detach()]]);
  expect(holds(snapshot, again, layoutOf(again).tensors)).toBe(true);
});

test("a snapshot does not hold another big tensor of the same shape, whatever is in it", () => {
  const snapshot = snapshotOf(new Map([["w", tensor(big)]]));
  const other = new Map([["w", tensor(big)]]);
  expect(holds(snapshot, other, layoutOf(other).tensors)).toBe(false);
});

test("a small tensor that is made anew for each checkpoint is held if it is equal", () => {
  const snapshot = snapshotOf(new Map([["rng", tensor([1, 2, 3])]]));
  const equal = new Map([["rng", tensor([1, 2, 3])]]);
  const other = new Map([["rng", tensor([1, 2, 4])]]);
  expect(holds(snapshot, equal, layoutOf(equal).tensors)).toBe(true);
  expect(holds(snapshot, other, layoutOf(other).tensors)).toBe(false);
});

test("a snapshot with other names or more tensors is another one", () => {
  const weight = tensor([1, 2]);
  const snapshot = snapshotOf(new Map([["w", weight]]));
  const renamed = new Map([["v", weight]]);
  const more = new Map([
    ["w", weight],
    ["b", weight],
  ]);
  expect(holds(snapshot, renamed, layoutOf(renamed).tensors)).toBe(false);
  expect(holds(snapshot, more, layoutOf(more).tensors)).toBe(false);
});
