import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import * as torch from "@classifier-training/torch";
import { OtherProcessCpuLoad } from "../src/other-process-cpu-load.ts";

// What the thread governor makes of a busy neighbor process: small training steps alone, beside it without the
// governor, and beside it with the governor. `npm run governor -w packages/torch -- [threads of the neighbor]`.
// Wanted: at most 2.5 times the step alone. The machine must be idle otherwise; the load of others is printed.

const neighborThreads = Number(process.argv[2] ?? 1);
const { nn, scope } = torch;
torch.setNumThreads(availableParallelism());
const model = new nn.Sequential(
  new nn.Conv2d(3, 32, { kernelSize: 3, padding: 1 }),
  new nn.BatchNorm2d(32),
  new nn.ReLU(),
  new nn.Conv2d(32, 32, { kernelSize: 3, padding: 1 }),
  new nn.BatchNorm2d(32),
  new nn.ReLU(),
  new nn.AdaptiveAvgPool2d(1),
  new nn.Flatten(),
  new nn.Linear(32, 10),
);
model.to({ memoryFormat: "channels_last" });
const images = torch.randn([32, 3, 64, 64]).to({ memoryFormat: "channels_last" });
const labels = torch.randint(0, 10, [32]);

function run(steps: number, governor?: torch.ThreadGovernor): number[] {
  return Array.from({ length: steps }, () => {
    const start = performance.now();
    scope(() => {
      for (const parameter of model.parameters()) parameter.grad = null;
      nn.functional.crossEntropy(model.call(images), labels).backward();
    });
    const ms = performance.now() - start;
    governor?.step(ms);
    return ms;
  });
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** The last thread of the neighbor is its main one. */
const busy = `
  const { Worker } = require("node:worker_threads");
  for (let i = 1; i < ${neighborThreads}; i++) new Worker("for (;;) {}", { eval: true });
  setTimeout(() => { for (;;) {} }, 200);`;

run(5);
const load = new OtherProcessCpuLoad();
const idle = mean(run(20));
const others = load.busyProcessors();
const neighbor = spawn(process.execPath, ["-e", busy], { stdio: "ignore" });
await sleep(1000);
const without = mean(run(8));
const said: string[] = [];
const governor = new torch.ThreadGovernor({ onChange: (message) => said.push(message) });
const times = run(60, governor);
neighbor.kill();
const settled = mean(times.slice(20));
const ratio = (ms: number) => `${ms.toFixed(0)} ms (${(ms / idle).toFixed(2)}x)`;
process.stdout.write(
  `step alone ${idle.toFixed(0)} ms, with ${others.toFixed(2)} processors used by others; beside a process with ` +
    `${neighborThreads} busy threads: without the governor ${ratio(without)}, with it ${ratio(mean(times))} over all ` +
    `60 steps, ${ratio(settled)} over the last 40\n${said.join("\n")}\n`,
);
