import { readFileSync } from "node:fs";
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

interface Recorded {
  readonly dtype: torch.DType;
  readonly shape: readonly number[];
  readonly requires_grad: boolean;
  /** As text, since JSON has no NaN and no int64. */
  readonly data: readonly string[];
  readonly text: string;
}

// Written by test/fixtures/make-print.py.
const recorded: Recorded[] = JSON.parse(
  readFileSync(new URL("../../test/fixtures/print.json", import.meta.url), "utf8"),
);

function number(text: string): number {
  return Number(text.replace("inf", "Infinity"));
}

function rebuild({ dtype, shape, data, requires_grad }: Recorded): torch.Tensor {
  if (dtype === "int64") return torch.fromTypedArray(BigInt64Array.from(data, BigInt), shape);
  const values = Float64Array.from(data, number);
  if (dtype !== "complex64" && dtype !== "complex128") {
    return torch.fromTypedArray(values, shape, { dtype, requiresGrad: requires_grad });
  }
  return torch.ops.aten.view_as_complex(torch.fromTypedArray(values, [...shape, 2])).to({ dtype });
}

test("prints random tensors of all dtypes as PyTorch does", () => {
  expect(recorded.length).toBeGreaterThan(100);
  for (const one of recorded) expect(String(rebuild(one)), `${one.dtype} [${one.shape}]`).toBe(one.text);
});

test("a summary of a large tensor does not copy the tensor", () => {
  const large = torch.zeros([1]).expand(2 ** 40);
  expect(String(large)).toBe("tensor([0., 0., 0.,  ..., 0., 0., 0.])");
});

test("a computed tensor names the node of its history", () => {
  expect(String(tensor([0, 0], { requiresGrad: true }).exp())).toBe("tensor([1., 1.], grad_fn=<ExpBackward0>)");
});
