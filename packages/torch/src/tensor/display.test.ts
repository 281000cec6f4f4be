import { expect, test } from "vitest";
import * as torch from "../index.ts";

const { tensor, arange } = torch;

// Each text is what Python's print() gives for the same tensor in PyTorch 1.13.
const cases: [text: string, make: () => torch.Tensor][] = [
  ["tensor([[0, 1, 2],\n        [3, 4, 5]])", () => arange(6).reshape(2, 3)],
  [
    "tensor([[ 1.0000,  2.5000],\n        [ 3.2500, -4.0000]])",
    () =>
      tensor([
        [1, 2.5],
        [3.25, -4],
      ]),
  ],
  ["tensor([ 1., 20., -3.])", () => tensor([1, 20, -3])],
  ["tensor([1.0000e-06, 1.5000e+00, 2.0000e+04])", () => tensor([1e-6, 1.5, 20000])],
  ["tensor([   nan,    inf, 1.5000])", () => tensor([Number.NaN, Number.POSITIVE_INFINITY, 1.5])],
  ["tensor([ True, False])", () => tensor([true, false])],
  ["tensor([], size=(0, 3))", () => torch.zeros([0, 3])],
  ["tensor(3.5000)", () => tensor(3.5)],
  ["tensor(3.)", () => tensor(3)],
  ["tensor([   0,    1,    2,  ...,  998,  999, 1000])", () => arange(1001)],
  ["tensor([1.5000, 2.0000], dtype=torch.bfloat16)", () => tensor([1.5, 2], { dtype: "bfloat16" })],
  ["tensor([1, 2], dtype=torch.int32)", () => tensor([1, 2], { dtype: "int32" })],
  ["tensor([1., 2.], requires_grad=True)", () => tensor([1, 2], { requiresGrad: true })],
  ["tensor([1.0000e+09, 2.0000e+00])", () => tensor([1e9, 2])],
  [
    "tensor([[[0., 1.],\n         [2., 3.]],\n\n        [[4., 5.],\n         [6., 7.]]])",
    () => arange(8).reshape(2, 2, 2).float(),
  ],
  [
    "tensor([[   0,    1,    2,  ...,   97,   98,   99],\n        [ 100,  101,  102,  ...,  197,  198,  199],\n        [ 200,  201,  202,  ...,  297,  298,  299],\n        ...,\n        [ 800,  801,  802,  ...,  897,  898,  899],\n        [ 900,  901,  902,  ...,  997,  998,  999],\n        [1000, 1001, 1002,  ..., 1097, 1098, 1099]])",
    () => arange(1100).reshape(11, 100),
  ],
];

test.each(cases)("prints %j as PyTorch does", (text, make) => {
  expect(String(make())).toBe(text);
});

test("a computed tensor names the node of its history", () => {
  expect(String(tensor([0, 0], { requiresGrad: true }).exp())).toBe("tensor([1., 1.], grad_fn=<ExpBackward0>)");
});
