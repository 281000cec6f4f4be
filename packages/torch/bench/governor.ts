import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import * as torch from "@classifier-training/torch";

// What the thread governor makes of a busy neighbour process: small training steps alone, beside it without the
// governor, and beside it with the governor.

const { nn, scope } = torch;
torch.setNumThreads(availableParallelism());
const model = new nn.Sequential(
  new nn.Conv2d(3, 64, { kernelSize: 3, padding: 1 }),
  new nn.ReLU(),
  new nn.Conv2d(64, 64, { kernelSize: 3, padding: 1 }),
  new nn.ReLU(),
  new nn.AdaptiveAvgPool2d(1),
  new nn.Flatten(),
  new nn.Linear(64, 10),
);
const images = torch.randn([32, 3, 64, 64]).to({ memoryFormat: "channels_last" });
const labels = torch.randint(0, 10, [32]);

function run(steps: number, governor?: torch.ThreadGovernor): number {
  const times: number[] = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    scope(() => {
      for (const p of model.parameters()) p.grad = null;
      nn.functional.crossEntropy(model.call(images), labels).backward();
    });
    times.push(performance.now() - start);
    governor?.step(times.at(-1)!);
  }
  return times.reduce((sum, ms) => sum + ms, 0) / steps;
}

run(5);
const idle = run(20);
const neighbour = spawn(process.execPath, ["-e", "for (;;) {}"], { stdio: "ignore" });
await new Promise((resolve) => setTimeout(resolve, 500));
const without = run(8);
torch.governor.reset();
const governed = run(40, torch.governor);
neighbour.kill();
process.stdout.write(
  `step alone ${idle.toFixed(0)} ms; beside a busy process ${without.toFixed(0)} ms (${(without / idle).toFixed(1)}x), ` +
    `with the governor ${governed.toFixed(0)} ms (${(governed / idle).toFixed(1)}x), ${torch.getNumThreads()} threads at the end\n`,
);
