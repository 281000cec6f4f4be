import { expect, test } from "vitest";
import * as torch from "../index.ts";

const { tensor, autograd, noGrad } = torch;

test("gradients accumulate in the leaves until they are cleared", () => {
  const x = tensor([1, 2], { requiresGrad: true });
  x.mul(x).sum().backward();
  x.mul(3).sum().backward();
  expect(x.grad?.tolist()).toEqual([5, 7]);
  const { grad } = x;
  expect(x.grad).toBe(grad);
  x.grad = null;
  expect(x.grad).toBeNull();
});

test("a graph serves once unless it is retained", () => {
  const x = tensor([2], { requiresGrad: true });
  const y = x.exp();
  y.backward(null, { retainGraph: true });
  y.backward();
  expect(() => y.backward()).toThrow(/backward through the graph a second time/);
});

test("noGrad, enableGrad, inferenceMode and detach cut the graph", () => {
  const x = tensor([1], { requiresGrad: true });
  expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
  expect(noGrad(() => torch.enableGrad(() => x.mul(2))).requiresGrad).toBe(true);
  expect(torch.inferenceMode(() => [x.mul(2).requiresGrad, torch.isInferenceMode()])).toEqual([false, true]);
  expect(x.detach().requiresGrad).toBe(false);
  expect(torch.isGradEnabled()).toBe(true);
  expect(() => noGrad(async () => 1)).toThrow(/needs a synchronous function/);
  expect(() => x.add_(1)).toThrow(/leaf Variable that requires grad/);
});

test("hooks see and replace gradients, and can be removed", () => {
  const x = tensor([1, 1], { requiresGrad: true });
  const seen: unknown[] = [];
  const hook = x.registerHook((g) => {
    seen.push(g.tolist());
    return g.mul(10);
  });
  x.mul(2).sum().backward();
  hook.remove();
  x.mul(2).sum().backward();
  expect(seen).toEqual([[2, 2]]);
  expect(x.grad?.tolist()).toEqual([22, 22]);
});

test("an error thrown in a hook arrives as it was thrown", () => {
  class Own extends TypeError {}
  const x = tensor([1], { requiresGrad: true });
  x.registerHook(() => {
    throw new Own("mine");
  });
  expect(() => x.mul(2).backward()).toThrow(Own);
});

test("retainGrad keeps the gradient of an intermediate result", () => {
  const x = tensor([3], { requiresGrad: true });
  const y = x.mul(2).retainGrad();
  y.mul(y).backward();
  expect(y.grad?.item()).toBe(12);
});

test("grad gives gradients of gradients without touching .grad", () => {
  const x = tensor([2], { requiresGrad: true });
  const [first] = autograd.grad(x.pow(3), x, { createGraph: true });
  const [second] = autograd.grad(first!, x);
  expect([first!.item(), second!.item(), x.grad]).toEqual([12, 12, null]);
  expect(autograd.grad(x.mul(1), [x, tensor([1], { requiresGrad: true })], { allowUnused: true })[1]).toBeNull();
});

test("anomaly mode names the operation that made a NaN", () => {
  const x = tensor([-1], { requiresGrad: true });
  const run = () => {
    x.sqrt().backward();
  };
  expect(() => autograd.detectAnomaly(run)).toThrow(
    /'SqrtBackward0' returned nan values[\s\S]*forward: aten::sqrt\(float32\[1\]\) at run .*autograd.test.ts/,
  );
  // Outside of it, nothing is watched.
  run();
  expect(x.grad?.isnan().item()).toBe(1);
});

class Square extends autograd.Function {
  static forward(context: torch.autograd.FunctionContext, x: torch.Tensor): torch.Tensor {
    context.saveForBackward(x);
    return x.mul(x);
  }
  static backward(context: torch.autograd.FunctionContext, gradient: torch.Tensor): torch.Tensor {
    return context.savedTensors[0]!.mul(2).mul(gradient);
  }
}

test("a function written in TypeScript passes gradcheck, once and twice differentiated", () => {
  const x = torch.randn([3], { dtype: "float64", requiresGrad: true });
  expect(autograd.gradcheck((a) => Square.apply(a).mul(a), [x])).toBe(true);
  const gradient = (a: torch.Tensor) => autograd.grad(Square.apply(a).sum(), a, { createGraph: true })[0]!;
  expect(autograd.gradcheck(gradient, [x])).toBe(true);
  expect(Square.apply(x).gradFn).toBe("SquareBackward");
});

class MinMax extends autograd.Function {
  static forward(context: torch.autograd.FunctionContext, x: torch.Tensor, scale: number): torch.Tensor[] {
    const { values, indices } = x.max(0);
    context.values["scale"] = scale;
    context.values["size"] = x.shape[0];
    context.saveForBackward(indices);
    context.markNonDifferentiable(indices);
    return [values.mul(scale), indices];
  }
  static backward(context: torch.autograd.FunctionContext, gradient: torch.Tensor): torch.Tensor {
    const zeros = torch.zeros([context.values["size"] as number], { dtype: gradient.dtype });
    return zeros.scatter_(
      0,
      context.savedTensors[0]!.reshape(1),
      gradient.mul(context.values["scale"] as number).reshape(1),
    );
  }
}

test("a function may have several outputs, some without a gradient, and arguments that are not tensors", () => {
  const x = tensor([1, 5, 2], { dtype: "float64", requiresGrad: true });
  const [values, indices] = MinMax.apply(x, 3) as [torch.Tensor, torch.Tensor];
  expect([values.item(), indices.item(), indices.requiresGrad]).toEqual([15, 1, false]);
  values.backward();
  expect(x.grad?.tolist()).toEqual([0, 3, 0]);
});

test("a wrong number of gradients is refused", () => {
  class Broken extends Square {
    static override backward(): torch.Tensor {
      return [] as unknown as torch.Tensor;
    }
  }
  const x = tensor([1], { requiresGrad: true });
  expect(() => Broken.apply(x).backward()).toThrow(/Broken.backward returned 0 gradients for 1 tensor arguments/);
});

test("gradgradcheck compares second derivatives too", () => {
  const x = torch.randn([3], { dtype: "float64", requiresGrad: true });
  const w = torch.randn([3], { dtype: "float64", requiresGrad: true });
  expect(autograd.gradgradcheck((a, b) => a.mul(b).tanh(), [x, w])).toBe(true);
  class Once extends Square {
    static override backward(context: torch.autograd.FunctionContext, gradient: torch.Tensor): torch.Tensor {
      return noGrad(() => Square.backward(context, gradient));
    }
  }
  expect(() => autograd.gradgradcheck((a) => Once.apply(a).mul(a), [x])).toThrow(/finite differences give/);
});

test("gradcheck finds a wrong gradient", () => {
  class Wrong extends Square {
    static override backward(_: torch.autograd.FunctionContext, gradient: torch.Tensor): torch.Tensor {
      return gradient;
    }
  }
  const x = tensor([2], { dtype: "float64", requiresGrad: true });
  expect(() => autograd.gradcheck((a) => Wrong.apply(a), [x])).toThrow(/is 1, but finite differences give 4/);
});

test("hooks and TypeScript functions run while LibTorch works on another thread, as it does for accelerators", async () => {
  const { native } = await import("../native/load.ts");
  const x = tensor([3], { requiresGrad: true });
  let seen = 0;
  const y = Square.apply(x);
  y.registerHook((g) => {
    seen = g.item();
  });
  native.backward([y.handle], null, false, false, null, true);
  expect([seen, x.grad?.item()]).toEqual([1, 6]);
  const z = Square.apply(x);
  z.registerHook(() => {
    throw new RangeError("from the hook");
  });
  expect(() => native.backward([z.handle], null, false, false, null, true)).toThrow("from the hook");
});

test("a parameter keeps its identity when its data are replaced", () => {
  const p = tensor([1, 2], { requiresGrad: true });
  p.setData(tensor([5, 6]));
  p.mul(2).sum().backward();
  expect([p.tolist(), p.grad?.tolist()]).toEqual([
    [5, 6],
    [2, 2],
  ]);
});

test("gradients that would be summed, cast or mistaken are refused, as by Python's layer", () => {
  const x = torch.ones([3], { requiresGrad: true });
  const wide = torch.ones([2, 3]);
  const message = "expected a gradient of the output's shape [3], received [2, 3]";
  expect(() => x.mul(2).backward(wide)).toThrow(message);
  expect(() => torch.autograd.backward([x.mul(2)], [wide])).toThrow(message);
  expect(() => torch.autograd.grad(x.mul(2), x, { gradOutputs: wide })).toThrow(message);
  expect(() => torch.autograd.backward([x.mul(2)], [])).toThrow("expected 1 gradients, received 0");
  const setGrad = (value: torch.Tensor) => () => {
    x.grad = value;
  };
  expect(setGrad(x)).toThrow("cannot be its own gradient");
  expect(setGrad(torch.ones([3], { dtype: "float64" }))).toThrow("expected a gradient of float32, received float64");
  expect(setGrad(wide)).toThrow("different size");
  expect(x.grad).toBe(null);
});

test("an output that nothing depends on has a gradient of zeros in a Function's backward", () => {
  class Both extends torch.autograd.Function {
    static forward(_: torch.autograd.FunctionContext, a: torch.Tensor): torch.Tensor[] {
      return [a.mul(2), a.mul(3).sum()];
    }
    static backward(_: torch.autograd.FunctionContext, first: torch.Tensor, second: torch.Tensor): torch.Tensor {
      expect([first.shape, second.shape]).toEqual([[3], []]);
      return first.mul(2).add(second.mul(3));
    }
  }
  const x = torch.ones([3], { requiresGrad: true });
  (Both.apply(x) as torch.Tensor[])[0]?.sum().backward();
  expect(x.grad?.tolist()).toEqual([2, 2, 2]);
});
