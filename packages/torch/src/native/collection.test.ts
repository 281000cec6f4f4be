import { describe, expect, test, vi } from "vitest";
import * as torch from "../index.ts";

vi.setConfig({ testTimeout: 30_000 });

const MiB = 1024 * 1024;
const elements = 64 * 1024;

class Saving extends torch.autograd.Function {
  static forward(context: torch.autograd.FunctionContext, x: torch.Tensor) {
    const y = x.mul(2);
    context.saveForBackward(x, y);
    return y;
  }
  static backward(context: torch.autograd.FunctionContext, gradient: torch.Tensor) {
    return gradient.mul(context.savedTensors[1]!);
  }
}

/** The most that tensors took in a loop that never returns to the event loop. */
function highest(steps: number, step: () => void): number {
  const before = torch.memoryStats().bytes;
  let most = 0;
  for (let i = 0; i < steps; i++) {
    step();
    most = Math.max(most, torch.memoryStats().bytes - before);
  }
  return most / MiB;
}

const leaf = () => torch.randn([elements], { requiresGrad: true });
const layer = new torch.nn.Linear(16, 16);

// Each takes at least 1 MiB.
const steps: Record<string, () => void> = {
  "operators alone": () => void torch.ones([elements]).mul(2).add(1).sub(3),
  "training steps": () =>
    layer
      .call(torch.randn([4096, 16]))
      .relu()
      .sum()
      .backward(),
  "hooks on tensors": () => {
    const x = leaf();
    x.registerHook((gradient) => gradient.mul(2));
    x.mul(2).sum().backward();
  },
  "hooks that hold their leaf": () => {
    const x = leaf();
    x.registerHook((gradient) => gradient.mul(x));
    x.mul(2).mul(3).sum().backward();
  },
  "hooks that hold their result": () => {
    const y = leaf().mul(2).mul(3);
    y.registerHook((gradient) => gradient.mul(y));
    y.sum().backward();
  },
  "hooks that hold what comes after": () => {
    const y = leaf().mul(2);
    const z = y.mul(3);
    y.registerHook((gradient) => gradient.mul(z));
    z.sum().backward();
  },
  "functions that save their output": () => Saving.apply(leaf()).sum().backward(),
  "functions that keep their output": () => {
    class Keeping extends torch.autograd.Function {
      static forward(context: torch.autograd.FunctionContext, x: torch.Tensor) {
        context.values["y"] = Keeping.last = x.mul(2);
        return Keeping.last;
      }
      static last: torch.Tensor | null = null;
      static backward(_: torch.autograd.FunctionContext, gradient: torch.Tensor) {
        return gradient.mul(2);
      }
    }
    Keeping.apply(leaf().mul(1)).sum().backward();
  },
};

describe("a synchronous loop without scopes frees what it lost", () => {
  test.each(Object.entries(steps))("%s", (_, step) => {
    expect(highest(1000, step)).toBeLessThan(512);
  });

  test("small tensors", () => {
    const before = torch.memoryStats().liveTensors;
    let most = 0;
    for (let i = 0; i < 100_000; i++) {
      torch.tensor(i);
      most = Math.max(most, torch.memoryStats().liveTensors - before);
    }
    expect(most).toBeLessThan(50_000);
  });
});

/** Makes V8 collect several times. */
const collect = () => expect(highest(600, steps["operators alone"]!)).toBeLessThan(512);

describe("a hook whose tensor nobody holds runs as long as the graph can reach it", () => {
  const record = () => {
    const x = torch.randn([4], { requiresGrad: true });
    const log: string[] = [];
    const loss = (() => {
      const y = x.mul(2);
      y.registerHook(() => void log.push(`${y.shape}`));
      return y.pow(2).sum();
    })();
    return { x, log, loss };
  };

  test("from a result", () => {
    const { loss, log } = record();
    collect();
    loss.backward();
    expect(log).toEqual(["4"]);
  });

  test("from what was made of the result after a collection", () => {
    const { log, more } = (() => {
      const { loss, log } = record();
      collect();
      return { log, more: loss.mul(3).add(1) };
    })();
    collect();
    more.backward();
    expect(log).toEqual(["4"]);
  });

  test("from the gradient of a leaf", () => {
    const { x, log } = (() => {
      const { x, log, loss } = record();
      loss.backward(null, { createGraph: true });
      return { x, log };
    })();
    collect();
    x.grad!.sum().backward();
    expect(log).toEqual(["4", "4"]);
  });

  test("from what a function saved", () => {
    const { log, y } = (() => {
      const { log, loss } = record();
      class Holding extends torch.autograd.Function {
        static forward(context: torch.autograd.FunctionContext, x: torch.Tensor) {
          context.saveForBackward(loss);
          return x.mul(1);
        }
        static backward(context: torch.autograd.FunctionContext, gradient: torch.Tensor) {
          context.savedTensors[0]!.backward();
          return gradient;
        }
      }
      return { log, y: Holding.apply(torch.ones([1], { requiresGrad: true })) };
    })();
    collect();
    y.backward();
    expect(log).toEqual(["4"]);
  });
});
