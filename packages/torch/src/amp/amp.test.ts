import { expect, test } from "vitest";
import * as torch from "../index.ts";

test("autocast runs matrix products in bfloat16 and leaves the rest as it was afterwards", () => {
  const a = torch.randn([2, 3]);
  const b = torch.randn([3, 2]);
  const [product, sum] = torch.autocast({ device: "cpu" }, () => [a.mm(b).dtype, a.add(1).dtype]);
  expect([product, sum]).toEqual(["bfloat16", "float32"]);
  expect(torch.amp.isAutocastEnabled()).toBe(false);
  expect(torch.autocast({ enabled: false }, () => a.mm(b).dtype)).toBe("float32");
  expect(torch.autocast({}, () => torch.autocast({ enabled: false }, () => a.mm(b).dtype))).toBe("float32");
});

test("parameters get float32 gradients from an autocast forward pass", () => {
  const w = torch.randn([3, 2], { requiresGrad: true });
  const loss = torch.autocast({}, () => torch.ones([2, 3]).mm(w).float().sum());
  loss.backward();
  expect(w.grad?.dtype).toBe("float32");
  expect(w.grad?.tolist()).toEqual([
    [2, 2],
    [2, 2],
    [2, 2],
  ]);
});

test("autocast refuses promises and dtypes that make no sense", () => {
  expect(() => torch.autocast({}, async () => 1)).toThrow(/synchronous/);
  expect(() => torch.autocast({ dtype: "int64" }, () => 1)).toThrow(/autocast to int64/);
  expect(() => torch.autocast({ device: "warp" }, () => 1)).toThrow("autocast to float16 is not possible on 'warp'");
  const half = () => torch.autocast({ dtype: "float16" }, () => torch.ones([1, 1]).mm(torch.ones([1, 1])).dtype);
  if (torch.version().startsWith("1.")) expect(half).toThrow("autocast to float16 is not possible on 'cpu'");
  expect(torch.amp.isAutocastEnabled()).toBe(false);
});

test("GradScaler divides the gradients again, skips overflows and adapts as PyTorch's does", () => {
  const p = torch.tensor([1], { requiresGrad: true });
  let steps = 0;
  const optimizer = { paramGroups: [{ params: [p] }], step: () => steps++ };
  const scaler = new torch.amp.GradScaler({ initScale: 1024, growthInterval: 2 });
  const train = (factor: number) => {
    p.grad = null;
    scaler.scale(p.mul(factor).sum()).backward();
    const stepped = scaler.step(optimizer);
    scaler.update();
    return stepped;
  };
  expect(train(3)).toBe(true);
  expect(p.grad!.item()).toBe(3);
  expect(train(3)).toBe(true);
  expect(scaler.getScale()).toBe(2048);
  expect(train(Number.POSITIVE_INFINITY)).toBe(false);
  expect([scaler.getScale(), steps]).toEqual([1024, 2]);
  const other = new torch.amp.GradScaler();
  other.loadStateDict(scaler.stateDict());
  expect(other.stateDict()).toEqual(scaler.stateDict());
  scaler.unscale_(optimizer);
  expect(() => scaler.unscale_(optimizer)).toThrow(/already called/);
});

test("GradScaler works through one step of each optimizer in order, and says what is out of order", () => {
  const p = torch.tensor([1], { requiresGrad: true });
  const optimizer = new torch.optim.SGD([p], { lr: 1 });
  const scaler = new torch.amp.GradScaler({ initScale: 8, growthInterval: 1 });
  expect(() => scaler.update()).toThrow(/update\(\) needs a step\(\)/);
  scaler.scale(p.mul(3).sum()).backward();
  expect(p.grad!.item()).toBe(24);
  scaler.unscale_(optimizer);
  expect(torch.nn.utils.clipGradNorm_([p], 1)).toBe(3);
  scaler.step(optimizer);
  expect(p.item()).toBeCloseTo(0, 5);
  expect(() => scaler.step(optimizer)).toThrow(/step\(\) was already called/);
  expect(() => scaler.unscale_(optimizer)).toThrow(/after step/);
  scaler.update();
  expect(scaler.getScale()).toBe(16);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])("GradScaler finds a single %s among many gradients", (bad) => {
  const params = Array.from({ length: 5 }, () => torch.zeros([4], { requiresGrad: true }));
  const optimizer = new torch.optim.SGD(params, { lr: 1 });
  const scaler = new torch.amp.GradScaler({ initScale: 4 });
  for (const [i, p] of params.entries()) p.grad = torch.ones([4]).setIndex(2, i === 3 ? bad : 1);
  expect(scaler.step(optimizer)).toBe(false);
  expect(params[0]!.tolist()).toEqual([0, 0, 0, 0]);
  scaler.update();
  expect(scaler.getScale()).toBe(2);
});

test("GradScaler divides float16 gradients in float32, and does nothing when disabled", () => {
  const p = torch.zeros([1], { dtype: "float16", requiresGrad: true });
  const optimizer = { paramGroups: [{ params: [p] }], step: () => undefined };
  const scaler = new torch.amp.GradScaler({ initScale: 2 ** 30 });
  p.grad = torch.tensor([2 ** 15], { dtype: "float16" });
  scaler.unscale_(optimizer);
  expect(p.grad.item()).toBe(2 ** -15);
  scaler.loadStateDict(
    new Map<string, unknown>([
      ["scale", torch.tensor(1024)],
      ["growth_factor", 3],
      ["backoff_factor", 0.25],
      ["growth_interval", 50],
      ["_growth_tracker", 7],
    ]),
  );
  const converted = { scale: 1024, growthFactor: 3, backoffFactor: 0.25, growthInterval: 50, growthTracker: 7 };
  expect(scaler.stateDict()).toEqual(converted);
  for (const wrong of [{ growthTracker: undefined }, { scale: Number.NaN }, { scale: 0 }, { growthFactor: "2" }]) {
    expect(() => scaler.loadStateDict({ ...converted, scale: 8, ...wrong })).toThrow("the state's");
  }
  expect(scaler.stateDict()).toEqual(converted);
  const off = new torch.amp.GradScaler({ enabled: false });
  expect([off.getScale(), off.stateDict()]).toEqual([1, {}]);
  off.update();
  expect(() => scaler.loadStateDict(off.stateDict())).toThrow(/the state is empty/);
  expect(() => new torch.amp.GradScaler({ growthFactor: 1 })).toThrow(/growthFactor: expected more than 1/);
});
