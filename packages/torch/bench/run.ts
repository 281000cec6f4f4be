import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { otherProcessCpuFraction } from "./load.ts";
import { Peer } from "./peer.ts";
import { modelNames } from "./resnet.ts";

// Training steps of ResNet (forward, backward, clip, AdamW) here and in PyTorch, alternating step by step, so that both
// meet the same moments of the machine; and the step's convolutions alone, the floor below which LibTorch cannot go.

const { values: options } = parseArgs({
  options: {
    models: { type: "string", default: "resnet18,resnet50" },
    dtypes: { type: "string", default: "float32,bfloat16" },
    batch: { type: "string", default: "32" },
    size: { type: "string", default: "224" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: String(availableParallelism()) },
    python: { type: "string" },
  },
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The first Python that has PyTorch and torchvision. */
function findPython(): string | undefined {
  for (const python of options.python === undefined ? ["/usr/bin/python3", "python3"] : [options.python]) {
    try {
      execFileSync(python, ["-c", "import torch, torchvision"], { stdio: "ignore" });
      return python;
    } catch {}
  }
  return undefined;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const python = findPython();
if (python === undefined)
  print("PyTorch: not found (apt-get install python3-torch python3-torchvision); measuring our side only");

async function compare(model: string, dtype: string): Promise<void> {
  const args = [model, dtype, options.batch, options.size, options.threads];
  const env = { OMP_NUM_THREADS: options.threads };
  const ours = await new Peer(
    process.execPath,
    ["--conditions=classifier-source", "--import", "tsx", here("./step-worker.ts"), ...args],
    env,
  ).ready();
  const theirs =
    python === undefined ? undefined : await new Peer(python, [here("./pytorch_step.py"), ...args], env).ready();
  for (let i = 0; i < 2; i++) {
    await ours.measure("step");
    await theirs?.measure("step");
  }
  await ours.measure("floor");
  const othersUsed = otherProcessCpuFraction([process.pid, ours.pid, theirs?.pid ?? 0]);
  const [a, b, floor]: number[][] = [[], [], []];
  for (let round = 0; round < Number(options.rounds); round++) {
    a!.push(await ours.measure("step"));
    if (theirs !== undefined) b!.push(await theirs.measure("step"));
    floor!.push(await ours.measure("floor"));
  }
  const others = othersUsed();
  const { own, all } = await ours.ask("convolutions");
  ours.close();
  theirs?.close();
  const rate = (ms: number) => `${((Number(options.batch) * 1000) / ms).toFixed(1)} img/s`.padStart(12);
  const line = (name: string, times: readonly number[], note: string) =>
    print(`  ${name.padEnd(10)} ${median(times).toFixed(0).padStart(6)} ms ${rate(median(times))}   ${note}`);
  print(
    `${model}, ${dtype}, batch ${options.batch}, ${options.size} px, ${options.threads} threads, ${options.rounds} rounds`,
  );
  line("ours", a!, ours.description);
  if (theirs !== undefined) line("PyTorch", b!, `${theirs.description}, channels-last`);
  line("floor", floor!, "its convolutions alone, forward and backward");
  if (theirs !== undefined) {
    print(`  ours is ${median(b!.map((ms, i) => ms / a![i]!)).toFixed(2)} times as fast as PyTorch`);
  }
  print(`  ours takes ${median(a!.map((ms, i) => ms / floor![i]!)).toFixed(2)} times the floor`);
  print(`  ${own} of ${all} convolutions use kernels of this package, the others LibTorch's only`);
  if (others > 0.05) {
    print(
      `  CAUTION: other processes used ${(100 * others).toFixed(0)}% of the machine meanwhile; measure again when it is quiet`,
    );
  }
}

const usedBefore = otherProcessCpuFraction([process.pid]);
await new Promise((resolve) => setTimeout(resolve, 1000));
const before = usedBefore();
if (before > 0.05) {
  print(`CAUTION: before the start, other processes use ${(100 * before).toFixed(0)}% of the machine`);
}
for (const model of options.models.split(",")) {
  if (!modelNames.some((name) => name === model))
    throw new RangeError(`--models: expected some of ${modelNames.join(", ")}`);
  for (const dtype of options.dtypes.split(",")) await compare(model, dtype);
}
