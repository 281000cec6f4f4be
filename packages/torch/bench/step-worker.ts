import { createInterface } from "node:readline";
import * as torch from "@classifier-training/torch";
import { type ModelName, ResNet } from "./resnet.ts";

// Our side of the training-step benchmark: answers each line on stdin ("step", "floor", "profile") with milliseconds, and
// "convolutions" with how many of them run in own kernels.

const [name, dtype, batch, size, threads] = process.argv.slice(2) as [ModelName, string, string, string, string];
const { nn, optim, scope } = torch;
torch.setNumThreads(Number(threads));
torch.manualSeed(0);
if (process.env["CT_FUSED"] === "0") torch.setFusedKernels(false);
const model = new ResNet(name);
model.to({ memoryFormat: "channels_last" });
model.train();
const optimizer = new optim.AdamW([...model.parameters()], { lr: 1e-3, weightDecay: 0.01 });
const images = torch.randn([Number(batch), 3, Number(size), Number(size)]).to({ memoryFormat: "channels_last" });
const labels = torch.randint(0, 1000, [Number(batch)]);
const isMixed = dtype === "bfloat16";

function forward(): torch.Tensor {
  return torch.autocast({ device: "cpu", dtype: "bfloat16", enabled: isMixed }, () =>
    nn.functional.crossEntropy(model.call(images), labels),
  );
}

const parts: Record<string, number> = {};
function timed<T>(part: string, fn: () => T): T {
  const start = performance.now();
  const result = fn();
  parts[part] = (parts[part] ?? 0) + performance.now() - start;
  return result;
}

function step(): number {
  return scope(() => {
    const loss = timed("forward", forward);
    optimizer.zeroGrad();
    timed("backward", () => loss.backward());
    timed("clip", () => nn.utils.clipGradNorm_([...model.parameters()], 1));
    timed("optimizer", () => optimizer.step());
    return loss.item();
  });
}

interface Convolution {
  readonly input: torch.Tensor;
  readonly weight: torch.Tensor;
  readonly stride: unknown;
  readonly padding: unknown;
  readonly needsInput: boolean;
}

/** The convolutions of one step alone, forward and backward, in the dtype and layout of the step. */
function convolutions(): Convolution[] {
  const seen: Convolution[] = [];
  torch.noGrad(() => {
    const trace = torch.record(() => model.call(images));
    for (const call of trace.calls) {
      if (!/conv/.test(call.op)) continue;
      const value = (key: string) => call.arguments.find((a) => a.name === key)?.value as { value?: unknown };
      const [x, w] = call.inputs.map((id) => trace.tensors[id]!);
      const cast = (t: torch.Tensor) =>
        torch.keep(
          torch
            .randnLike(t, { dtype: isMixed ? "bfloat16" : "float32" })
            .mul(0.1)
            .contiguous("channels_last"),
        );
      const needsInput = seen.length > 0;
      seen.push({
        input: cast(x!),
        weight: cast(w!),
        stride: value("stride").value,
        padding: value("padding").value,
        needsInput,
      });
    }
  });
  return seen;
}

let floorLayers: Convolution[] | undefined;
function floor(): void {
  const { convolution, convolution_backward } = torch.ops.aten as Record<string, (...args: unknown[]) => unknown>;
  floorLayers ??= scope(convolutions);
  scope(() => {
    for (const { input, weight, stride, padding, needsInput } of floorLayers!) {
      const geometry = [stride, padding, [1, 1], false, [0, 0], 1];
      const out = convolution!(input, weight, null, ...geometry) as torch.Tensor;
      convolution_backward!(out, input, weight, null, ...geometry, [needsInput, true, false]);
    }
  });
}

/** How many of the model's convolutions have a kernel of this package for their forward pass or a gradient. */
function ownConvolutions(): { own: number; all: number } {
  const count = { own: 0, all: 0 };
  const hooks = [...model.modules()]
    .filter((module) => module instanceof nn.Conv2d)
    .map((conv) =>
      conv.registerForwardHook((_module, _inputs, output) => {
        count.all++;
        if (/Conv3x3|PackedConv2d/.test((output as torch.Tensor).gradFn ?? "")) count.own++;
      }),
    );
  scope(forward);
  for (const hook of hooks) hook.remove();
  return count;
}

process.stdout.write(`${JSON.stringify({ ready: `LibTorch ${torch.version()}, ${torch.getNumThreads()} threads` })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "profile") {
    process.stdout.write(`${JSON.stringify(parts)}\n`);
    continue;
  }
  if (line === "convolutions") {
    process.stdout.write(`${JSON.stringify(ownConvolutions())}\n`);
    continue;
  }
  const start = performance.now();
  let loss = 0;
  if (line === "floor") floor();
  else loss = step();
  process.stdout.write(`${JSON.stringify({ ms: performance.now() - start, loss })}\n`);
}
