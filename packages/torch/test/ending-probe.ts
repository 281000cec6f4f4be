// Run by ending.test.ts: in a process, which starts itself in workers and ends them in the middle of torch calls.

import { isMainThread, parentPort, threadId, workerData } from "node:worker_threads";
import { spawnWorker } from "@classifier-training/base";
import { autograd, randn, type Tensor } from "../src/index.ts";

class Doubled extends autograd.Function {
  static forward(_: autograd.FunctionContext, x: Tensor) {
    return x.mul(2);
  }
  static backward(_: autograd.FunctionContext, gradient: Tensor) {
    act();
    return gradient.mul(2);
  }
}

let act = () => {};

const steps: Record<string, (x: Tensor) => void> = {
  calls: (x) => void x.mul(2).add(1),
  errors: (x) => {
    try {
      x.matmul(randn([3, 5]));
    } catch {}
  },
  hooks: (x) => {
    const y = x.mul(2);
    y.registerHook((gradient) => {
      act();
      return gradient.mul(1);
    });
    y.sum().backward();
  },
  functions: (x) => Doubled.apply(x).sum().backward(),
};

/** Steps without end; with `exits`, until a callback ends its own thread with `process.exit`. */
function work(name: string, exits: boolean): void {
  const x = randn([16, 16], { requiresGrad: true });
  const step = steps[name]!;
  for (let i = 0; ; i++) {
    step(x);
    if (i === 100) parentPort?.postMessage(threadId);
    if (i === 200 && exits) act = () => process.exit(7);
  }
}

async function endWorkers(name: string, exits: boolean, count: number): Promise<number[]> {
  const workers = Array.from({ length: count }, () =>
    spawnWorker(new URL("./ending-probe.ts", import.meta.url), { workerData: { name, exits } }),
  );
  return Promise.all(
    workers.map(async (worker, i) => {
      const ended = new Promise<number>((resolve) => worker.once("exit", resolve));
      await new Promise((resolve) => worker.once("message", resolve));
      await new Promise((resolve) => setTimeout(resolve, 7 * i));
      if (!exits) await worker.terminate();
      return ended;
    }),
  );
}

if (!isMainThread) work(workerData.name, workerData.exits);
else if (process.argv[2] === "exit") work(process.argv[3]!, true);
else {
  const ends: Record<string, number[]> = {};
  for (const name of Object.keys(steps)) ends[name] = await endWorkers(name, false, 3);
  for (const name of ["hooks", "functions"]) ends[`${name} that exit`] = await endWorkers(name, true, 3);
  process.stdout.write(JSON.stringify(ends));
}
