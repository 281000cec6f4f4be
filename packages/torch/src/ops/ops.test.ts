import { expect, test } from "vitest";
import * as torch from "../index.ts";

const { aten } = torch.ops;

test("overloads are chosen by the arguments, keywords go by schema name in either case", () => {
  const x = torch.tensor([
    [1, 2],
    [3, 4],
  ]);
  expect(aten.add(x, 2).tolist()).toEqual([
    [3, 4],
    [5, 6],
  ]);
  expect(aten.add(x, x, { alpha: 10 }).tolist()).toEqual([
    [11, 22],
    [33, 44],
  ]);
  expect((aten["sum"]!(x, { dim: [1], keepdim: true }) as torch.Tensor).tolist()).toEqual([[3], [7]]);
  expect((aten["add.Tensor"]!(x, x) as torch.Tensor).tolist()).toEqual([
    [2, 4],
    [6, 8],
  ]);
  expect(aten.max(x, 1)[1].tolist()).toEqual([1, 1]);
  expect((aten["full"]!([2], 3, { dtype: "int64", device: "cpu" }) as torch.Tensor).dtype).toBe("int64");
  // One number for a list of fixed length.
  expect(aten.max_pool2d(torch.ones([1, 1, 4, 4]), 2).shape).toEqual([1, 1, 2, 2]);
  expect((aten["rot90"]!(x) as torch.Tensor).tolist()).toEqual([
    [2, 4],
    [1, 3],
  ]);
});

test("lists of tensors, optional tensors and several results pass through", () => {
  const a = torch.ones([2]);
  expect(aten.cat([a, a]).shape).toEqual([4]);
  expect(aten.split(torch.arange(5), 2).map((t: torch.Tensor) => t.tolist())).toEqual([[0, 1], [2, 3], [4]]);
  const [out, mean] = aten.native_batch_norm(torch.randn([2, 3, 4]), null, null, null, null, true, 0.1, 1e-5);
  expect([out.shape, mean.shape]).toEqual([[2, 3, 4], [3]]);
});

test("an in-place operator returns the object it was given", () => {
  const x = torch.zeros([2]);
  expect(aten["add_"]!(x, 1)).toBe(x);
  const out = torch.empty([2]);
  expect(aten["add"]!(x, x, { out })).toBe(out);
  expect(out.tolist()).toEqual([2, 2]);
});

test("a call that fits no overload lists them with reasons", () => {
  const x = torch.ones([2]);
  expect(() => aten["clamp"]!(x, "low")).toThrow(
    /no overload accepts \(float32\[2\], "low"\)[\s\S]*argument 'min': expected/,
  );
  expect(() => aten["relu"]!(x, { slope: 1 })).toThrow(/no argument 'slope'/);
  expect(() => aten["relu"]!()).toThrow(/argument 'self' \(Tensor\) is missing/);
});

test("an operator that does not exist is refused with the nearest name", () => {
  expect(() => aten["sofmax"]).toThrow(/no operator aten::sofmax[\s\S]*did you mean 'softmax'/);
});

test("record gives every call with all arguments, tensors by number, parameters by identity", () => {
  const weight = torch.randn([4, 3]);
  const x = torch.randn([2, 3]);
  const trace = torch.noGrad(() => torch.record(() => aten.linear(x, weight, null).relu_().add(1)));
  expect(trace.calls.map(({ op, overload }) => `${op}.${overload}`)).toEqual([
    "aten::linear.",
    "aten::relu_.",
    "aten::add.Scalar",
  ]);
  const [linear, relu, add] = trace.calls;
  expect(linear!.arguments.map((a) => a.name)).toEqual(["input", "weight", "bias"]);
  expect(trace.tensors[linear!.inputs[1]!]).toBe(weight);
  expect(linear!.arguments[2]!.value).toEqual({ value: null });
  expect(relu!.outputs).toEqual(linear!.outputs);
  expect(add!.inputs).toEqual(relu!.outputs);
  expect(add!.arguments.find((a) => a.name === "alpha")?.value).toEqual({ value: 1 });
  expect(trace.idOf(trace.result)).toBe(add!.outputs[0]);
  expect(torch.isRecording()).toBe(false);
});
