import { describe, expect, test } from "vitest";
import { memoryStats, nn, ones, randn, scope, type Tensor, tensor, zeros } from "../index.ts";

class Net extends nn.Module {
  readonly conv = new nn.Conv2d(3, 4, { kernelSize: 3, bias: false });
  readonly bn = new nn.BatchNorm2d(4);
  readonly head = new nn.Sequential(new nn.Flatten(), new nn.Linear(16, 2));
  readonly nothing: nn.Module | null = null;

  override forward(input: Tensor): Tensor {
    return this.head.call(this.bn.call(this.conv.call(input)));
  }
}

test("parts are found among the properties, in the order of their definition", () => {
  const net = new Net();
  expect([...net.namedModules()].map(([name]) => name)).toEqual(["", "conv", "bn", "head", "head.0", "head.1"]);
  expect([...net.namedChildren()].map(([name]) => name)).toEqual(["conv", "bn", "head"]);
  expect([...net.namedParameters()].map(([name]) => name)).toEqual([
    "conv.weight",
    "bn.weight",
    "bn.bias",
    "head.1.weight",
    "head.1.bias",
  ]);
  expect([...net.namedBuffers()].map(([name]) => name)).toEqual([
    "bn.running_mean",
    "bn.running_var",
    "bn.num_batches_tracked",
  ]);
  expect([...net.stateDict().keys()]).toEqual([
    "conv.weight",
    "bn.weight",
    "bn.bias",
    "bn.running_mean",
    "bn.running_var",
    "bn.num_batches_tracked",
    "head.1.weight",
    "head.1.bias",
  ]);
});

test("a module prints as PyTorch prints it", () => {
  expect(String(new Net())).toMatchInlineSnapshot(`
    "Net(
      (conv): Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), bias=false)
      (bn): BatchNorm2d(4, eps=0.00001, momentum=0.1, affine=true, track_running_stats=true)
      (head): Sequential(
        (0): Flatten(start_dim=1, end_dim=-1)
        (1): Linear(in_features=16, out_features=2, bias=true)
      )
    )"
  `);
});

test("a parameter or module that is there twice is listed once, but saved under both names", () => {
  class Tied extends nn.Module {
    readonly a = new nn.Linear(2, 2, { bias: false });
    readonly b = this.a;
    readonly weight = this.a.weight;
  }
  const tied = new Tied();
  expect([...tied.parameters()].length).toBe(1);
  expect([...tied.modules()].length).toBe(2);
  expect([...tied.stateDict().keys()]).toEqual(["weight", "a.weight", "b.weight"]);
});

describe("loadStateDict", () => {
  test("copies values in, so that the same tensors hold them", () => {
    const [source, target] = [new Net(), new Net()];
    const { weight } = target.conv;
    expect(target.loadStateDict(source.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(target.conv.weight).toBe(weight);
    const input = randn([2, 3, 4, 4]);
    expect(target.eval().call(input).equal(source.eval().call(input))).toBe(true);
  });

  test("lists every mismatch at once, and changes nothing then", () => {
    const net = new Net();
    const before = net.bn.bias?.toArray();
    const state = net.stateDict();
    state.delete("conv.weight");
    state.delete("bn.running_mean");
    state.set("bn.bias", ones([4]));
    state.set("head.1.weight", zeros([3, 16]));
    state.set("head.1.bias", zeros([3]));
    state.set("fc.weight", zeros([1]));
    expect(() => net.loadStateDict(state)).toThrowErrorMatchingInlineSnapshot(`
      [TorchError: the weights do not fit Net:
        - 2 missing keys: conv.weight, bn.running_mean
        - 1 unexpected key: fc.weight
        - 2 shapes differ: head.1.weight: expected [2, 16], received [3, 16]; head.1.bias: expected [2], received [3]
        fix: build the model with the options it was saved with (number of classes, widths), or drop those keys]
    `);
    expect(net.bn.bias?.toArray()).toEqual(before);
  });

  test("may leave keys out when it is not strict, but no shape may differ", () => {
    const net = new Net();
    expect(net.loadStateDict({ "bn.bias": ones([4]), extra: ones([1]) }, { strict: false })).toEqual({
      missingKeys: ["conv.weight", "bn.weight", "bn.running_mean", "bn.running_var", "head.1.weight", "head.1.bias"],
      unexpectedKeys: ["extra"],
    });
    expect(net.bn.bias?.toArray()).toEqual([1, 1, 1, 1]);
    expect(() => net.loadStateDict({ "bn.bias": ones([5]) }, { strict: false })).toThrow("1 shape differs: bn.bias");
  });

  test("takes files of old versions without num_batches_tracked", () => {
    const state = new Net().stateDict();
    state.delete("bn.num_batches_tracked");
    expect(new Net().loadStateDict(state).missingKeys).toEqual([]);
  });
});

test("train and eval reach every module", () => {
  const net = new Net();
  net.eval();
  expect([...net.modules()].every((module) => !module.training)).toBe(true);
  net.train();
  expect([...net.modules()].every((module) => module.training)).toBe(true);
});

test("hooks see and replace what goes in and comes out, until they are removed", () => {
  const layer = new nn.ReLU();
  const seen: string[] = [];
  const before = layer.registerForwardPreHook((module, [input]) => {
    seen.push(module.constructor.name);
    return [(input as Tensor).neg()];
  });
  const after = layer.registerForwardHook((_module, _inputs, output) => (output as Tensor).add(10));
  expect(layer.call(tensor([-2, 1])).toArray()).toEqual([12, 10]);
  before.remove();
  after.remove();
  expect(layer.call(tensor([-2, 1])).toArray()).toEqual([0, 1]);
  expect(seen).toEqual(["ReLU"]);
});

test("to converts in place: the tensors stay the same objects, counters keep their dtype", () => {
  const net = new Net();
  const { weight } = net.conv;
  net
    .call(randn([2, 3, 4, 4]))
    .sum()
    .backward();
  net.to({ dtype: "float64", memoryFormat: "channels_last" });
  expect(net.conv.weight).toBe(weight);
  expect([weight.dtype, weight.grad?.dtype, weight.requiresGrad]).toEqual(["float64", "float64", true]);
  expect(weight.isContiguous("channels_last")).toBe(true);
  expect([net.bn.running_mean?.dtype, net.bn.num_batches_tracked?.dtype]).toEqual(["float64", "int64"]);
  net.zeroGrad();
  net
    .call(randn([2, 3, 4, 4], { dtype: "float64" }))
    .sum()
    .backward();
  expect(weight.grad?.dtype).toBe("float64");
});

test("apply calls children first, requiresGrad_ and zeroGrad reach all parameters", () => {
  const net = new Net();
  const order: string[] = [];
  net.apply((module) => order.push(module.constructor.name));
  expect(order).toEqual(["Conv2d", "BatchNorm2d", "Flatten", "Linear", "Sequential", "Net"]);
  net
    .call(randn([2, 3, 4, 4]))
    .sum()
    .backward();
  net.zeroGrad({ setToNone: false });
  expect([...net.parameters()].every(({ grad }) => grad?.abs().sum().item() === 0)).toBe(true);
  net.zeroGrad();
  expect([...net.parameters()].every(({ grad }) => grad === null)).toBe(true);
  net.requiresGrad_(false);
  expect([...net.parameters()].some(({ requiresGrad }) => requiresGrad)).toBe(false);
});

test("buffers that are not persistent stay out of the state", () => {
  class Weighted extends nn.Module {
    declare class_weights: Tensor;
    constructor() {
      super();
      this.registerBuffer("class_weights", ones([3]), { persistent: false });
    }
  }
  const module = new Weighted();
  expect(module.stateDict().size).toBe(0);
  expect([...module.namedBuffers()].map(([name]) => name)).toEqual(["class_weights"]);
  module.class_weights = zeros([3]);
  expect([...module.buffers()][0]?.toArray()).toEqual([0, 0, 0]);
});

test("names that cannot be properties are refused", () => {
  const dict = new nn.ModuleDict();
  expect(() => dict.set("forward", new nn.Identity())).toThrow("the class has a member of that name");
  expect(() => dict.set("a.b", new nn.Identity())).toThrow("it has a dot");
  expect(() => new nn.Module().forward(ones([1]))).toThrow("Module has no forward method");
  expect(() => new nn.Sequential(new nn.Identity()).at(1)).toThrow("Sequential has 1 modules, none at index 1");
});

test("containers keep their modules by index and by name", () => {
  const list = new nn.ModuleList([new nn.ReLU(), new nn.Identity()]);
  expect([...list].length).toBe(2);
  expect(list.at(-1)).toBeInstanceOf(nn.Identity);
  const dict = new nn.ModuleDict({ relu: new nn.ReLU(), linear: new nn.Linear(1, 1) });
  expect(dict.keys()).toEqual(["relu", "linear"]);
  expect([...dict.stateDict().keys()]).toEqual(["linear.weight", "linear.bias"]);
  expect(() => dict.get("gelu")).toThrow("ModuleDict has no 'gelu'");
});

test("layers that cannot be are refused", () => {
  expect(() => new nn.Conv2d(3, 4, { kernelSize: 3, groups: 2 })).toThrow("cannot be divided into 2 groups");
  expect(() => new nn.Conv2d(3, 3, { kernelSize: 3, stride: 2, padding: "same" })).toThrow("needs stride 1");
  expect(() => new nn.BatchNorm2d(3).call(ones([2, 3]))).toThrow("expected an input [N, C, H, W], received [2, 3]");
  expect(() => new nn.MultiheadAttention(5, 2)).toThrow("cannot be divided into 2 heads");
  expect(() => nn.functional.dropout(ones([1]), { p: 2 })).toThrow("received 2");
});

test("dropout zeroes in training only, scales what is left, and may work in place", () => {
  const layer = new nn.Dropout({ p: 0.25, inplace: true });
  const input = ones([4000]);
  expect(layer.call(input)).toBe(input);
  const values = input.toArray();
  expect(values.every((value) => value === 0 || Math.abs(value - 4 / 3) < 1e-6)).toBe(true);
  expect(values.filter((value) => value === 0).length / values.length).toBeCloseTo(0.25, 1);
  expect(
    layer
      .eval()
      .call(ones([3]))
      .toArray(),
  ).toEqual([1, 1, 1]);
});

test("stochastic depth drops whole rows, or the whole batch, and scales what is left", () => {
  const input = ones([2000, 3]);
  const rows = nn.functional.stochasticDepth(input, 0.25, "row").sum(1).toArray();
  expect(rows.every((sum) => sum === 0 || Math.abs(sum - 4) < 1e-5)).toBe(true);
  expect(rows.filter((sum) => sum === 0).length / rows.length).toBeCloseTo(0.25, 1);
  const batches = Array.from({ length: 40 }, () => nn.functional.stochasticDepth(input, 0.5, "batch"));
  const sums = new Set(batches.map((batch) => batch.mean().item()));
  expect([...sums].sort()).toEqual([0, 2]);
  expect(nn.functional.stochasticDepth(input, 1, "row").sum().item()).toBe(0);
});

test("a scope frees what a forward and backward pass made, and nothing of the module", () => {
  const net = new Net();
  const input = randn([2, 3, 4, 4]);
  const pass = () =>
    scope(() => {
      net.zeroGrad();
      net.call(input).sum().backward();
    });
  pass();
  const { liveTensors } = memoryStats();
  for (let i = 0; i < 5; i++) pass();
  expect(memoryStats().liveTensors).toBeLessThanOrEqual(liveTensors);
  expect(net.conv.weight.isDisposed).toBe(false);
});

test("gradients are clipped by norm and by value", () => {
  const { clipGradNorm_, clipGradValue_ } = nn.utils;
  const parameters = [new nn.Parameter(zeros([2])), new nn.Parameter(zeros([1]))] as const;
  const setGradients = () => {
    parameters[0].grad = tensor([3, 0]);
    parameters[1].grad = tensor([-4]);
  };
  setGradients();
  expect(clipGradNorm_(parameters, 1)).toBe(5);
  expect(parameters[0].grad?.toArray()[0]).toBeCloseTo(0.6, 5);
  setGradients();
  expect(clipGradNorm_(parameters, 2, { normType: Number.POSITIVE_INFINITY })).toBe(4);
  expect(parameters[1].grad?.item()).toBeCloseTo(-2, 5);
  setGradients();
  expect(clipGradNorm_(parameters, 6)).toBe(5);
  expect(parameters[1].grad?.toArray()).toEqual([-4]);
  clipGradValue_(parameters, 0.5);
  expect(parameters.flatMap(({ grad }) => grad?.toArray())).toEqual([0.5, 0, -0.5]);
  parameters[1].grad = tensor([Number.NaN]);
  expect(() => clipGradNorm_(parameters, 1, { errorIfNonfinite: true })).toThrow("the norm of the gradients is NaN");
  expect(clipGradNorm_([new nn.Parameter(zeros([1]))], 1)).toBe(0);
});

test("a state that does not hold tensors is refused by its first wrong key", () => {
  const layer = new nn.Linear(2, 2);
  const load = (state: unknown) => () => layer.loadStateDict(state as never);
  expect(load({ state_dict: layer.stateDict(), epoch: 3 })).toThrow(
    "expected tensors by key, received state_dict: a Map",
  );
  expect(load({ weight: ones([2, 2]), bias: 5 })).toThrow("received bias: 5");
  expect(load(null)).toThrow("received null");
});

test("layers without inputs can be made, and unknown names of initializers are refused", () => {
  expect(new nn.Linear(0, 3).call(ones([2, 0])).shape).toEqual([2, 3]);
  expect(() => nn.init.calculateGain("gelu" as never)).toThrow("unknown nonlinearity 'gelu'");
  expect(() => nn.init.kaimingNormal_(ones([2, 2]), { mode: "fan" as never })).toThrow("received 'fan'");
});
