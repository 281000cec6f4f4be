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

test("bad indices are refused", () => {
  expect(() => x().index(0, 0, 0)).toThrow(/too many indices: 3 for a tensor of 2 dimensions/);
  expect(() => x().index("a:b")).toThrow(/'a:b' is no index/);
  expect(() => x().index(3)).toThrow(/out of range/);
});
