import { expect, test } from "vitest";
import * as torch from "./index.ts";

test("a tensor goes from numbers through operators and autograd back to numbers", () => {
  const x = torch.tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { requiresGrad: true },
  );
  const y = x.mul(x).add(1).sum();
  y.backward();
  expect(y.item()).toBe(34);
  expect(x.grad?.tolist()).toEqual([
    [2, 4],
    [6, 8],
  ]);
  expect(torch.ops.aten.add(x, 2)).toBeInstanceOf(torch.Tensor);
});
