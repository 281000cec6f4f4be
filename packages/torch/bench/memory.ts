import * as torch from "@classifier-training/torch";
import { ResNet } from "./resnet.ts";

// Whether training holds its memory: the resident set of this process over STEPS training steps after a warm-up.
// `npm run memory -w packages/torch -- [steps] [batch] [pixels]`; exits 1 if the resident set grew by more than 2%.

const [steps = 500, batch = 8, pixels = 64] = process.argv.slice(2).map(Number);
const warmUp = 50;
const allowed = 0.02;
const mebibyte = 1024 * 1024;

torch.manualSeed(0);
const { nn, optim, scope } = torch;
const model = new ResNet("resnet18");
model.to({ memoryFormat: "channels_last" });
model.train();
const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-4 });

/** One step with images of its own, in float32 and bfloat16 by turns. */
function step(i: number): number {
  return scope(() => {
    const images = torch.randn([batch, 3, pixels, pixels]).to({ memoryFormat: "channels_last" });
    const labels = torch.randint(0, 1000, [batch]);
    const loss = torch.autocast({ device: "cpu", dtype: "bfloat16", enabled: i % 4 === 3 }, () =>
      nn.functional.crossEntropy(model.call(images), labels),
    );
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step(null, { maxGradNorm: 1 });
    return loss.item();
  });
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

for (let i = 0; i < warmUp; i++) step(i);
const live = torch.memoryStats();
const sizes: number[] = [];
for (let i = 0; i < steps; i++) {
  step(i);
  sizes.push(process.memoryUsage.rss() / mebibyte);
}
// The mean of a tenth at either end: V8's heap breathes between its collections.
const tenth = Math.max(1, Math.floor(steps / 10));
const [before, after] = [average(sizes.slice(0, tenth)), average(sizes.slice(-tenth))];
const growth = after / before - 1;
const now = torch.memoryStats();
process.stdout.write(
  `${steps} steps of ResNet18 (batch ${batch}, ${pixels} px): resident ${before.toFixed(1)} MiB in the first tenth, ${after.toFixed(1)} in the last ` +
    `(${(100 * growth).toFixed(2)}%; lowest ${Math.min(...sizes).toFixed(1)}, highest ${Math.max(...sizes).toFixed(1)}); ` +
    `live tensors ${live.liveTensors} before, ${now.liveTensors} after; their bytes ${live.bytes}, ${now.bytes}\n`,
);
process.exitCode = growth > allowed || now.liveTensors !== live.liveTensors ? 1 : 0;
