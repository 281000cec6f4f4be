import { expect, test } from "vitest";
import * as torch from "../index.ts";

const x = () => torch.arange(12).reshape(3, 4);

test("numbers, slices, ellipsis and new dimensions give views, as in Python", () => {
  expect(x().index(1).tolist()).toEqual([4, 5, 6, 7]);
  expect(x().index(-1, 0).item()).toBe(8);
  expect(x().index("1:", "::2").tolist()).toEqual([
    [4, 6],
    [8, 10],
  ]);
  expect(x().index(torch.slice(0, 2), torch.slice(-1)).tolist()).toEqual([[3], [7]]);
  expect(x().index("...", 0).tolist()).toEqual([0, 4, 8]);
  expect(x().index(":", null, 1).shape).toEqual([3, 1]);
  const base = x();
  expect(base.index("1:3", 2).sharesStorageWith(base)).toBe(true);
});

test("index tensors, arrays and masks gather copies", () => {
  expect(x().index([2, 0]).tolist()).toEqual([
    [8, 9, 10, 11],
    [0, 1, 2, 3],
  ]);
  expect(x().index([0, 1], [1, 2]).tolist()).toEqual([1, 6]);
  expect(
    x()
      .index(":", torch.tensor([3, 0], { dtype: "int64" }))
      .tolist(),
  ).toEqual([
    [3, 0],
    [7, 4],
    [11, 8],
  ]);
  expect(x().index(x().gt(8)).tolist()).toEqual([9, 10, 11]);
  expect(x().index([true, false, true], 0).tolist()).toEqual([0, 8]);
  expect(
    torch
      .arange(8)
      .reshape(2, 2, 2)
      .index(
        torch.tensor([
          [true, false],
          [false, true],
        ]),
        1,
      )
      .tolist(),
  ).toEqual([1, 7]);
});

test("assignment reaches the indexed elements", () => {
  const t = x();
  t.setIndex([0, "1:3"], 50);
  t.setIndex([1], torch.tensor([9, 9, 9, 9]));
  t.setIndex(t.gt(40), -1);
  expect(t.tolist()).toEqual([
    [0, -1, -1, 3],
    [9, 9, 9, 9],
    [8, 9, 10, 11],
  ]);
});

test("what Python's layer does before the operator is done here", () => {
  const [one, yes] = [torch.tensor(1, { dtype: "int64" }), torch.tensor(true)];
  const base = x();
  expect(base.index(one).sharesStorageWith(base)).toBe(true);
  expect([base.index(":", one).shape, base.index(true).shape, base.index(false).shape]).toEqual([
    [3],
    [1, 3, 4],
    [0, 3, 4],
  ]);
  expect([base.index(yes, 0).shape, base.index([]).shape]).toEqual([
    [1, 4],
    [0, 4],
  ]);
  expect(base.index(torch.tensor([1, 0, 1], { dtype: "uint8" }), 1).tolist()).toEqual([1, 9]);
  for (const view of [base.index(), base.index(":"), base.index("...")]) {
    expect([view === base, view.sharesStorageWith(base)]).toEqual([false, true]);
    view.dispose();
  }
  expect(base.isDisposed).toBe(false);
  const mask = [true, false, true];
  for (const indices of [[mask, ":"], [mask, "..."], [mask]]) {
    expect(x().setIndex(indices, -1).sum(1).tolist()).toEqual([-4, 22, -4]);
  }
  const places = torch.tensor(mask);
  expect(
    x()
      .indexPut_([places, null], torch.tensor(-1, { dtype: "int64" }))
      .sum(1)
      .tolist(),
  ).toEqual([-4, 22, -4]);
  expect(
    x()
      .setIndex(0, torch.zeros([1, 1, 4]))
      .index(0)
      .tolist(),
  ).toEqual([0, 0, 0, 0]);
});

test("bad indices are refused", () => {
  expect(() => x().index(0, 0, 0)).toThrow(/too many indices: 3 for a tensor of 2 dimensions/);
  expect(() => x().index("a:b")).toThrow(/'a:b' is not an index/);
  expect(() => x().index(3)).toThrow(/out of range/);
  expect(() => x().index([0, 3])).toThrow(/out of bounds/);
  expect(() => x().index(0.5)).toThrow("expected an integer as index, received 0.5");
  expect(() => x().index([0.5])).toThrow("expected integers or booleans as indices, received 0.5");
  expect(() => x().index(torch.ones([1]))).toThrow(
    "expected a tensor of int64, int32, uint8 or bool as index, received float32",
  );
  expect(() => x().index("...", "...")).toThrow('only one "..."');
  expect(() => x().index("::-1")).toThrow(/step must be positive/);
  expect(() => x().sum().index(0)).toThrow("item() gives its value");
  expect(() => x().index({} as never)).toThrow("expected an index, received a Object");
  expect(() => x().setIndex([[true, false]], 0)).toThrow(/shape of the mask/);
  for (const indices of [0, [[0]]]) {
    expect(() => x().to({ dtype: "uint8" }).setIndex(indices, 300)).toThrow(/overflow/);
  }
});
