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
  type Tensor,
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
  LAMB: (p) => new optim.LAMB(p, { lr: 0.02 }),
  Lion: (p) => new optim.Lion(p, { lr: 0.005 }),
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
    expect(memoryStats().liveTensors).toBe(liveTensors);
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

test("noDecayGroups exempts norms, biases and what it is told to; frozen parameters are left out", () => {
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
