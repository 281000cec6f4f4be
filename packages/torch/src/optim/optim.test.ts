import { describe, expect, test } from "vitest";
import {
  manualSeed,
  memoryStats,
  nn,
  noGrad,
  ones,
  optim,
  randn,
  scope,
  setFusedKernels,
  Tensor,
  tensor,
  zeros,
} from "../index.ts";

type Make = (params: optim.Params) => optim.Optimizer;

const makers: Readonly<Record<string, Make>> = {
  SGD: (p) => new optim.SGD(p, { lr: 0.05 }),
  "SGD with momentum": (p) => new optim.SGD(p, { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  Adam: (p) => new optim.Adam(p, { lr: 0.02, weightDecay: 0.01 }),
  AdamW: (p) => new optim.AdamW(p, { lr: 0.02 }),
  "AdamW with amsgrad": (p) => new optim.AdamW(p, { lr: 0.02, amsgrad: true }),
  NAdam: (p) => new optim.NAdam(p, { lr: 0.02 }),
  RAdam: (p) => new optim.RAdam(p, { lr: 0.02, decoupledWeightDecay: true, weightDecay: 0.1 }),
  RMSprop: (p) => new optim.RMSprop(p, { lr: 0.005, centered: true, momentum: 0.5 }),
  Adagrad: (p) => new optim.Adagrad(p, { lr: 0.05 }),
  Adadelta: (p) => new optim.Adadelta(p, { lr: 1 }),
  Adamax: (p) => new optim.Adamax(p, { lr: 0.02, weightDecay: 0.01 }),
  ASGD: (p) => new optim.ASGD(p, { lr: 0.1, t0: 2 }),
  Rprop: (p) => new optim.Rprop(p, { lr: 0.01 }),
  LAMB: (p) => new optim.LAMB(p, { lr: 0.02 }),
  Lion: (p) => new optim.Lion(p, { lr: 0.005 }),
  Adan: (p) => new optim.Adan(p, { lr: 0.02, weightDecay: 0.02 }),
  RMSpropTF: (p) => new optim.RMSpropTF(p, { lr: 0.005, momentum: 0.5 }),
};

function problem(): { model: nn.Module; lossOf: () => Tensor } {
  manualSeed(3);
  const model = new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Linear(8, 3));
  const x = randn([16, 4]);
  const y = tensor(
    Array.from({ length: 16 }, (_, i) => i % 3),
    { dtype: "int64" },
  );
  return { model, lossOf: () => nn.functional.crossEntropy(model.call(x), y) };
}

function train(optimizer: optim.Optimizer, lossOf: () => Tensor, steps: number): number[] {
  return Array.from({ length: steps }, () =>
    scope(() => {
      optimizer.zeroGrad();
      const loss = lossOf();
      loss.backward();
      optimizer.step();
      return loss.item();
    }),
  );
}

describe.each(Object.entries(makers))("%s", (_name, make) => {
  test("lowers the loss, and continues bit for bit from its state", () => {
    const { model, lossOf } = problem();
    const optimizer = make(model.parameters());
    const first = train(optimizer, lossOf, 5);
    const weights = new Map([...model.stateDict()].map(([key, value]) => [key, value.clone()]));
    const saved = optimizer.stateDict();
    const copy = { state: cloned(saved.state), paramGroups: JSON.parse(JSON.stringify(saved.paramGroups)) };
    const second = train(optimizer, lossOf, 10);
    expect(second.at(-1)).toBeLessThan(first[0] as number);

    const again = problem();
    const resumed = make(again.model.parameters());
    again.model.loadStateDict(weights);
    resumed.loadStateDict(copy);
    expect(train(resumed, again.lossOf, 10)).toEqual(second);
  });

  test("keeps its state through scopes and makes no more tensors step by step", () => {
    const { model, lossOf } = problem();
    const optimizer = make(model.parameters());
    train(optimizer, lossOf, 2);
    const { liveTensors } = memoryStats();
    train(optimizer, lossOf, 3);
    expect(memoryStats().liveTensors).toBeLessThanOrEqual(liveTensors);
  });

  test("leaves parameters without a gradient alone", () => {
    const [used, unused] = [new nn.Parameter(ones([2])), new nn.Parameter(ones([2]))];
    const optimizer = make([used, unused]);
    used.grad = ones([2]);
    optimizer.step();
    expect(unused.toArray()).toEqual([1, 1]);
    expect(used.toArray()[0]).not.toBe(1);
    expect(Object.keys(optimizer.stateDict().state)).not.toContain("1");
  });
});

function cloned(state: optim.OptimizerState["state"]): optim.OptimizerState["state"] {
  return Object.fromEntries(
    Object.entries(state).map(([id, values]) => [
      id,
      Object.fromEntries(Object.entries(values).map(([k, v]) => [k, typeof v === "number" ? v : v.clone()])),
    ]),
  );
}

test("groups have options of their own, the rest are the optimizer's", () => {
  const [a, b, c] = [0, 1, 2].map(() => new nn.Parameter(ones([1]))) as [nn.Parameter, nn.Parameter, nn.Parameter];
  const optimizer = new optim.SGD([{ params: [a] }, { params: [b], lr: 1 }], { lr: 0.5 });
  optimizer.addParamGroup({ params: [c], lr: 0.25, weightDecay: 1 });
  for (const parameter of [a, b, c]) parameter.grad = ones([1]);
  optimizer.step();
  expect([a, b, c].map((parameter) => parameter.item())).toEqual([0.5, 0, 0.5]);
  expect(optimizer.stateDict().paramGroups.map(({ params, lr }) => [params, lr])).toEqual([
    [[0], 0.5],
    [[1], 1],
    [[2], 0.25],
  ]);
});

describe.each([true, false])("a step with fused kernels %s", (fused) => {
  test.each(["AdamW", "SGD with momentum", "RMSprop"])("clips, unscales and averages on the way: %s", (name) => {
    const run = (fold: boolean): number[] => {
      setFusedKernels(fused);
      const { model, lossOf } = problem();
      const optimizer = (makers[name] as Make)(model.parameters());
      const averages = new Map([...model.parameters()].map((p) => [p as Tensor, p.detach().clone()]));
      const norms: number[] = [];
      for (let i = 0; i < 4; i++) {
        scope(() => {
          optimizer.zeroGrad();
          lossOf().mul(8).backward();
          if (fold) {
            optimizer.step(null, { gradScale: 1 / 8, maxGradNorm: 0.1, ema: { averages, decay: 0.5 } });
            norms.push(optimizer.lastGradNorm as number);
          } else {
            noGrad(() => {
              for (const { grad } of model.parameters()) grad?.div_(8);
            });
            norms.push(nn.utils.clipGradNorm_(model.parameters(), 0.1));
            optimizer.step();
            noGrad(() => {
              for (const [param, average] of averages) average.mul_(0.5).add_(param, { alpha: 0.5 });
            });
          }
        });
      }
      setFusedKernels(true);
      return [...norms, ...[...averages.values()].flatMap((average) => average.toArray())];
    };
    const [folded, apart] = [run(true), run(false)];
    expect(folded[0]).toBeGreaterThan(0.1);
    for (const [i, value] of folded.entries()) expect(value).toBeCloseTo(apart[i] as number, 6);
  });
});

test("noDecayGroups exempts norms, biases and what its option names; frozen parameters are left out", () => {
  class Net extends nn.Module {
    readonly conv = new nn.Conv2d(1, 2, { kernelSize: 1 });
    readonly bn = new nn.BatchNorm2d(2);
    readonly token = new nn.Parameter(zeros([1, 1]));
    readonly frozen = new nn.Parameter(zeros([3, 3]), { requiresGrad: false });
  }
  const net = new Net();
  const groups = optim.noDecayGroups(net, 0.1, { exempt: (name) => name === "token" });
  expect(groups.map(({ params, weightDecay }) => [[...params].length, weightDecay])).toEqual([
    [1, 0.1],
    [4, 0],
  ]);
  expect([...(groups[0]?.params ?? [])][0]).toBe(net.conv.weight);
  expect(() => optim.noDecayGroups(new nn.ReLU(), 0.1)).toThrow("no parameter is trainable");
});

/** An optimizer's state as PyTorch's class of that name saves it. */
function pythonState(optimizer: optim.Optimizer): Map<string, unknown> {
  const snake = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const { state, paramGroups } = optimizer.stateDict();
  const value = (key: string, item: unknown) => (key === "step" || key === "muProduct" ? tensor(item as number) : item);
  const perParam = Object.entries(cloned(state)).map(([id, values]): [number, unknown] => [
    Number(id),
    Object.fromEntries(Object.entries(values).map(([key, item]) => [snake(key), value(key, item)])),
  ]);
  const flags = { foreach: null, capturable: false, differentiable: false, fused: null, maximize: false };
  return new Map<string, unknown>([
    ["state", new Map(perParam)],
    [
      "param_groups",
      paramGroups.map((group) => ({
        ...flags,
        ...Object.fromEntries(Object.entries(group).map(([key, item]) => [snake(key), item])),
      })),
    ],
  ]);
}

describe.each(Object.entries(makers))("the state of PyTorch's %s", (name, make) => {
  test("continues as it would have there", () => {
    const { model, lossOf } = problem();
    const optimizer = make(model.parameters());
    train(optimizer, lossOf, 5);
    const weights = new Map([...model.stateDict()].map(([key, value]) => [key, value.clone()]));
    const saved = pythonState(optimizer);
    const wanted = train(optimizer, lossOf, 5);
    const again = problem();
    const resumed = make(again.model.parameters());
    again.model.loadStateDict(weights);
    resumed.loadStateDict(saved);
    expect(train(resumed, again.lossOf, 5)).toEqual(wanted);
  });

  // These keep the same means of the gradient.
  const family = (of: string) => (/^(Adam|RAdam|LAMB)/.test(of) ? "means" : of.replace(/TF$/, ""));

  test("is refused by every optimizer that means something else by it, which stays as it was", () => {
    const source = problem();
    const optimizer = make(source.model.parameters());
    train(optimizer, source.lossOf, 2);
    const saved = pythonState(optimizer);
    for (const [other, makeOther] of Object.entries(makers)) {
      if (family(other) === family(name) || (other.startsWith("SGD") && name.startsWith("SGD"))) continue;
      const target = problem();
      const stays = makeOther(target.model.parameters());
      train(stays, target.lossOf, 1);
      const before = numbersOf(stays);
      expect(() => stays.loadStateDict(saved), `${name} in ${other}`).toThrow(
        /the state is of another optimizer|expected a state of|this optimizer only knows/,
      );
      expect(numbersOf(stays)).toEqual(before);
    }
  });
});

/** A state dictionary without tensors, to be compared. */
function numbersOf(optimizer: optim.Optimizer): unknown {
  return JSON.parse(
    JSON.stringify(optimizer.stateDict(), (_, value) => (value instanceof Tensor ? value.tolist() : value)),
  );
}

test("a saved state is checked by keys, shapes and kinds before anything changes", () => {
  const { model, lossOf } = problem();
  const optimizer = new optim.NAdam(model.parameters());
  train(optimizer, lossOf, 2);
  const { state, paramGroups } = optimizer.stateDict();
  const [group] = paramGroups;
  const first = state["0"] as optim.ParamState;
  const before = numbersOf(optimizer);
  const refuses = (changed: object, message: string | RegExp) => {
    expect(() => optimizer.loadStateDict({ state, paramGroups, ...changed })).toThrow(message);
    expect(numbersOf(optimizer)).toEqual(before);
  };
  refuses({ state: { ...state, 9: first } }, "the state has a parameter 9, which is in no group");
  refuses({ state: { ...state, 0: { ...first, muProduct: "1" } } }, "parameter 0: muProduct: expected a number");
  refuses({ state: { ...state, 3: first } }, "expAvg: expected a tensor of the parameter's shape [3]");
  refuses({ state: { 0: { step: 1 } } }, "expected a state of step, expAvg, expAvgSq, muProduct, received step");
  refuses({ state: { 0: { ...first, momentumBuffer: ones([8, 4]) } } }, /received .*momentumBuffer/);
  refuses({ paramGroups: [{ ...group, lr: "fast" }] }, "lr: expected number 0.002 or the like, received string fast");
  refuses({ paramGroups: [{ ...group, lr: Number.NaN }] }, "received number NaN");
  refuses({ paramGroups: [{ ...group, betas: [0.9] }] }, "betas: expected 2 values, received 1");
  refuses({ paramGroups: [{ ...group, maximize: true }] }, "maximize true, this optimizer only knows false");
  refuses({ paramGroups: [{ params: group?.["params"], lr: 1, momentum: 0.9 }] }, "it lacks betas, eps, weightDecay");
  refuses({ state: undefined }, "expected a state dictionary, received undefined");
});

test("parameter groups are checked as the optimizer's own options are", () => {
  const fresh = () => new nn.Parameter(ones([1]));
  const optimizer = new optim.SGD([fresh()], { lr: 0.1, momentum: 0.9, nesterov: true });
  const add = (options: object) => optimizer.addParamGroup({ params: [fresh()], ...options });
  expect(() => add({ lr: -1 })).toThrow("SGD, a parameter group: lr: expected number >= 0, received -1");
  expect(() => add({ lr: "0.1" })).toThrow("lr");
  expect(() => add({ weight_decay: 1 })).toThrow("did you mean 'weightDecay'?");
  expect(() => add({ momentun: 1 })).toThrow("did you mean 'momentum'?");
  expect(() => add({ momentum: 0 })).toThrow("nesterov needs a momentum above 0");
  expect(() => optimizer.addParamGroup({ lr: 1 } as never)).toThrow("needs params");
  expect(() => new optim.AdamW([{ params: [fresh()], betas: [0.9, 2] }])).toThrow("betas.1");
  expect(optimizer.paramGroups).toHaveLength(1);
  add({ lr: undefined, name: "head", layer: 3, maxLr: 1 });
  expect(optimizer.paramGroups[1]).toMatchObject({ lr: 0.1, momentum: 0.9, name: "head", layer: 3, maxLr: 1 });
});

test("a closure is run before the step, and its loss returned", () => {
  const parameter = new nn.Parameter(ones([1]));
  const optimizer = new optim.SGD([parameter], { lr: 0.5 });
  const loss = optimizer.step(() => {
    optimizer.zeroGrad();
    const value = parameter.mul(3).sum();
    value.backward();
    return value;
  });
  expect([loss?.item(), parameter.item()]).toEqual([3, -0.5]);
});

test("zeroGrad drops gradients, or keeps them as zeros", () => {
  const parameter = new nn.Parameter(ones([1]));
  const optimizer = new optim.SGD([parameter]);
  parameter.grad = ones([1]);
  optimizer.zeroGrad({ setToNone: false });
  expect(parameter.grad?.item()).toBe(0);
  optimizer.zeroGrad();
  expect(parameter.grad).toBe(null);
});

test("what makes no sense is refused with a sentence", () => {
  const parameter = new nn.Parameter(ones([2]));
  const computed = parameter.mul(2);
  expect(() => new optim.SGD([])).toThrow("SGD: there are no parameters to optimize");
  expect(() => new optim.SGD([computed])).toThrow("only leaves can be optimized");
  expect(() => new optim.SGD([parameter, parameter])).toThrow("is in two groups, or twice in one");
  expect(() => new optim.SGD([parameter], { nesterov: true })).toThrow("nesterov needs a momentum");
  expect(() => new optim.AdamW([parameter], { betas: [0.9, 1] })).toThrow("betas.1");
  expect(() => new optim.AdamW([parameter], { weight_decay: 1 } as never)).toThrow("did you mean 'weightDecay'?");
  const two = new optim.SGD([parameter, new nn.Parameter(ones([1]))]);
  expect(() => new optim.SGD([parameter]).loadStateDict(two.stateDict())).toThrow(
    "the state is of 1 parameter group with [2] parameters, this optimizer has [1]",
  );
});

test("an optimizer prints its groups", () => {
  expect(String(new optim.SGD([new nn.Parameter(ones([1]))], { lr: 0.5 }))).toMatchInlineSnapshot(`
    "SGD (
    Parameter Group 0
        lr: 0.5
        momentum: 0
        dampening: 0
        weightDecay: 0
        nesterov: false
        maximize: false
    )"
  `);
});

/** Each rule of one weight, written with numbers, from the papers. */
const rules: Readonly<Record<string, [make: Make, step: () => (weight: number, gradient: number) => number]>> = {
  Adadelta: [
    (p) => new optim.Adadelta(p, { lr: 0.5, rho: 0.8 }),
    () => {
      let [square, delta] = [0, 0];
      return (w, g) => {
        square = 0.8 * square + 0.2 * g * g;
        const change = (Math.sqrt(delta + 1e-6) / Math.sqrt(square + 1e-6)) * g;
        delta = 0.8 * delta + 0.2 * change * change;
        return w - 0.5 * change;
      };
    },
  ],
  Adamax: [
    (p) => new optim.Adamax(p, { lr: 0.1 }),
    () => {
      let [mean, largest, t] = [0, 0, 0];
      return (w, g) => {
        t++;
        mean = 0.9 * mean + 0.1 * g;
        largest = Math.max(0.999 * largest, Math.abs(g) + 1e-8);
        return w - (0.1 / (1 - 0.9 ** t)) * (mean / largest);
      };
    },
  ],
  ASGD: [
    (p) => new optim.ASGD(p, { lr: 0.1, lambd: 0.01 }),
    () => {
      let [eta, t] = [0.1, 0];
      return (w, g) => {
        const next = w * (1 - 0.01 * eta) - eta * g;
        eta = 0.1 / (1 + 0.01 * 0.1 * ++t) ** 0.75;
        return next;
      };
    },
  ],
  Rprop: [
    (p) => new optim.Rprop(p, { lr: 0.3 }),
    () => {
      let [size, before] = [0.3, 0];
      return (w, g) => {
        const agreement = g * before;
        if (agreement !== 0) size = Math.min(50, Math.max(1e-6, size * (agreement > 0 ? 1.2 : 0.5)));
        before = agreement < 0 ? 0 : g;
        return w - Math.sign(before) * size;
      };
    },
  ],
};

test.each(Object.entries(rules))("%s is its published rule", (_name, [make, rule]) => {
  const weight = tensor([1.7], { dtype: "float64" });
  weight.requiresGrad = true;
  const optimizer = make([weight]);
  const step = rule();
  let expected = 1.7;
  for (let i = 0; i < 12; i++) {
    optimizer.zeroGrad();
    weight.square().sum().backward();
    expected = step(expected, 2 * expected);
    optimizer.step();
    expect(weight.item()).toBeCloseTo(expected, 12);
  }
});

test.each<[string, Make, readonly number[]]>([
  ["Adan", (p) => new optim.Adan(p, { lr: 0.1, weightDecay: 0.02 }), [1.088023685817, 0.081469277595]],
  [
    "Adan without the proximal step",
    (p) => new optim.Adan(p, { lr: 0.1, weightDecay: 0.02, noProx: true }),
    [1.086821940973, 0.081876403585],
  ],
  [
    "RMSpropTF",
    (p) => new optim.RMSpropTF(p, { lr: 0.01, momentum: 0.9, weightDecay: 0.02 }),
    [1.37042253535, -0.258685985561],
  ],
  [
    "RMSpropTF, centered",
    (p) =>
      new optim.RMSpropTF(p, {
        ...{ lr: 0.01, centered: true, momentum: 0.5, lrInMomentum: false, weightDecay: 0.02, decoupledDecay: true },
      }),
    [1.497876784745, -0.317224624521],
  ],
])("%s takes the steps of timm 1.0", (_name, make, expected) => {
  const weight = tensor([1.7, -0.4], { dtype: "float64" });
  weight.requiresGrad = true;
  const optimizer = make([weight]);
  for (let i = 0; i < 6; i++) {
    optimizer.zeroGrad();
    weight.square().sum().backward();
    optimizer.step();
  }
  for (const [i, value] of expected.entries()) expect(weight.toArray()[i]).toBeCloseTo(value, 10);
});
