import { expect, test } from "vitest";
import { type nn, optim, randn, tensor } from "./index.ts";
import { targets } from "./targets.ts";

const invoke = (name: string, args: readonly unknown[] = [], kwargs: Readonly<Record<string, unknown>> = {}) => {
  const target = targets[name];
  expect(target, name).toBeDefined();
  return target?.invoke(args, kwargs);
};

test("optimizers and schedulers are made by PyTorch's names and keywords", () => {
  const model = invoke("torch.nn.Linear", [3, 2], { bias: false }) as nn.Linear;
  const optimizer = invoke("torch.optim.AdamW", [model.parameters()], { lr: 0.1, weight_decay: 0.5 }) as optim.AdamW;
  expect(optimizer.paramGroups[0]).toMatchObject({ lr: 0.1, weightDecay: 0.5, betas: [0.9, 0.999] });
  const scheduler = invoke("torch.optim.lr_scheduler.CosineAnnealingLR", [], { optimizer, T_max: 2, eta_min: 0.05 });
  expect(scheduler).toBeInstanceOf(optim.lrScheduler.CosineAnnealingLR);
  const restarts = invoke("torch.optim.lr_scheduler.CosineAnnealingWarmRestarts", [optimizer, 3], { T_mult: 2 });
  expect(restarts).toBeInstanceOf(optim.lrScheduler.CosineAnnealingWarmRestarts);
});

test("options of PyTorch that change no result are accepted, others are refused with what to do", () => {
  const model = invoke("torch.nn.Linear", [3, 2]) as nn.Linear;
  const options = { fused: true, foreach: null, capturable: false, differentiable: false };
  for (const name of ["SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adadelta", "Adamax", "ASGD", "Rprop"]) {
    expect(invoke(`torch.optim.${name}`, [model.parameters()], { lr: 0.1, ...options })).toBeInstanceOf(
      optim.Optimizer,
    );
  }
  const optimizer = new optim.SGD(model.parameters());
  expect(() => invoke("torch.optim.lr_scheduler.StepLR", [optimizer, 3], { verbose: true })).not.toThrow();
  expect(() => invoke("torch.optim.SGD", [model.parameters()], { differentiable: true })).toThrow(
    "option 'differentiable' cannot be true here",
  );
  expect(() => invoke("torch.optim.Adam", [model.parameters()], { decoupled_weight_decay: true })).toThrow(
    "use torch.optim.AdamW",
  );
});

test("an unknown or misspelt keyword is refused with the nearest one", () => {
  expect(() => invoke("torch.optim.AdamW", [[]], { weight_decy: 1 })).toThrow("did you mean 'weight_decay'?");
  expect(() => invoke("torch.nn.Conv2d", [3, 8], { kernelsize: 3 })).toThrow("did you mean 'kernel_size'?");
  expect(() => invoke("torch.nn.Linear", [3])).toThrow("Linear: out_features must be given");
  expect(() => invoke("torch.optim.lr_scheduler.StepLR", [], { step_size: 3 })).toThrow("expected an optimizer");
});

test("layers take PyTorch's positional order", () => {
  const net = invoke("torch.nn.Sequential", [
    invoke("torch.nn.Conv2d", [3, 4, 3, 2, 1]),
    invoke("torch.nn.BatchNorm2d", [4], { momentum: null }),
    invoke("torch.nn.ReLU", [true]),
    invoke("torch.nn.AdaptiveAvgPool2d", [1]),
    invoke("torch.nn.Flatten"),
    invoke("torch.nn.Dropout", [0.2]),
  ]) as nn.Sequential;
  expect(net.call(randn([2, 3, 8, 8])).shape).toEqual([2, 4]);
});

test("class weights of a loss may be written as a list", () => {
  const loss = invoke("torch.nn.CrossEntropyLoss", [], { weight: [1, 3], label_smoothing: 0.1 }) as nn.CrossEntropyLoss;
  const value = loss.call(tensor([[1, 2]]), tensor([0], { dtype: "int64" }));
  expect(Number.isFinite(value.item())).toBe(true);
});
