import { expect, test } from "vitest";
import * as torch from "./index.ts";
import { native } from "./native/load.ts";

test("a scope frees what was made inside, except what it returns in arrays, objects and Maps", () => {
  const before = torch.memoryStats().liveTensors;
  const result = torch.scope(() => {
    const lost = torch.ones([10]);
    return { a: [lost.add(1)], b: new Map([["x", lost.mul(2)]]), n: 3 };
  });
  expect(torch.memoryStats().liveTensors).toBe(before + 2);
  expect(result.a[0]!.sum().item()).toBe(20);
  for (const t of [result.a[0]!, result.b.get("x")!]) t.dispose();
});

test("results move to the enclosing scope, kept tensors and gradients to none", () => {
  let kept: torch.Tensor | undefined;
  const x = torch.ones([2], { requiresGrad: true });
  const inner = torch.scope(() => {
    const survivor = torch.scope(() => x.mul(2));
    expect(survivor.isDisposed).toBe(false);
    kept = torch.keep(torch.zeros([1]));
    survivor.sum().backward();
    return survivor;
  });
  expect(inner.isDisposed).toBe(false);
  expect(kept?.isDisposed).toBe(false);
  expect(x.grad?.tolist()).toEqual([2, 2]);
});

test("a throw frees too, and a disposed tensor says how to avoid it", () => {
  const before = torch.memoryStats().liveTensors;
  let leaked: torch.Tensor | undefined;
  expect(() =>
    torch.scope(() => {
      leaked = torch.ones([3]);
      throw new RangeError("no");
    }),
  ).toThrow("no");
  expect(torch.memoryStats().liveTensors).toBeLessThanOrEqual(before);
  expect(() => leaked!.add(1)).toThrow(/used after it had been freed/);
  expect(() => leaked!.shape).toThrow(torch.DisposedError);
});

test("a promise is refused", () => {
  expect(() => torch.scope(async () => 1)).toThrow(/needs a synchronous function/);
});

test("dispose may be called twice, and views keep memory alive", () => {
  const x = torch.ones([4]);
  const view = x.narrow(0, 1, 2);
  x.dispose();
  x.dispose();
  expect(x.isDisposed).toBe(true);
  expect(view.tolist()).toEqual([1, 1]);
  view[Symbol.dispose]();
});

test("memoryStats counts handles, and shared memory once", () => {
  const before = torch.memoryStats();
  torch.scope(() => {
    const x = torch.zeros([1000]);
    x.view(10, 100);
    x.select(0, 1);
    const now = torch.memoryStats();
    expect(now.liveTensors - before.liveTensors).toBe(3);
    expect(now.bytes - before.bytes).toBe(4000);
  });
  expect(torch.memoryStats()).toEqual(before);
});

const cached = process.env["CT_ALLOCATOR"] !== "system";

test("memory of freed tensors is kept for the next ones of their size, and given back when asked", ({ skip }) => {
  skip(!cached, "CT_ALLOCATOR=system keeps no memory");
  torch.emptyCache();
  const address = (t: torch.Tensor) => native.dataPointer(t.handle);
  const first = torch.empty([1 << 20]);
  const where = address(first);
  expect(where % 64).toBe(0);
  first.dispose();
  const second = torch.empty([1 << 20]);
  expect(address(second)).toBe(where);
  second.dispose();
  expect(torch.emptyCache()).toBeGreaterThan(4 << 20);
  expect(torch.emptyCache()).toBe(0);
});

test("200 training steps leave memory where it was, without the garbage collector's help", () => {
  torch.manualSeed(0);
  const model = new torch.nn.Sequential(
    new torch.nn.Conv2d(3, 16, { kernelSize: 3, padding: 1, bias: false }),
    new torch.nn.BatchNorm2d(16),
    new torch.nn.ReLU(),
    new torch.nn.AdaptiveAvgPool2d(1),
    new torch.nn.Flatten(),
    new torch.nn.Linear(16, 10),
  );
  const optimizer = new torch.optim.AdamW(model.parameters(), { lr: 1e-3 });
  const images = torch.randn([16, 3, 48, 48]).to({ memoryFormat: "channels_last" });
  const labels = torch.randint(0, 10, [16]);
  const step = (bf16: boolean) =>
    torch.scope(() => {
      const loss = torch.autocast({ device: "cpu", enabled: bf16 }, () =>
        torch.nn.functional.crossEntropy(model.call(images), labels),
      );
      optimizer.zeroGrad();
      loss.backward();
      torch.nn.utils.clipGradNorm_(model.parameters(), 1);
      optimizer.step();
      return loss.item();
    });
  const first = step(false);
  for (let i = 0; i < 30; i++) step(i % 4 === 3);
  const live = torch.memoryStats();
  const rss = process.memoryUsage.rss();
  let last = 0;
  for (let i = 0; i < 200; i++) last = step(i % 4 === 3);
  // Less, where a garbage collection freed tensors of the setup.
  const { liveTensors, bytes } = torch.memoryStats();
  expect(liveTensors).toBeLessThanOrEqual(live.liveTensors);
  expect(bytes).toBeLessThanOrEqual(live.bytes);
  expect(last).toBeLessThan(first);
  // A single leaked activation a step would add more than 100 MB.
  expect(process.memoryUsage.rss() - rss).toBeLessThan(24 * 1024 * 1024);
});
