import { existsSync } from "node:fs";
import { join } from "node:path";
import { optim, type Tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { type Callback, EarlyStopping, ModelCheckpoint, Trainer, type TrainerOptions } from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir, said } from "./workbench.ts";

/** Logs `val/loss` in validation and says nothing of its names. */
class Silent extends BoringModule {
  steps = 0;
  override trainingStep(batch: Tensor, batchIdx: number): Tensor {
    this.steps++;
    return super.trainingStep(batch, batchIdx);
  }
  override validationStep(batch: Tensor): void {
    this.log("val/loss", this.forward(batch).mean());
  }
}

class Declared extends Silent {
  override metricNames() {
    return { train: ["loss", "loss_step", "loss_epoch"], validation: ["val/loss"] };
  }
}

class Plateau extends Declared {
  override configureOptimizers(): ReturnType<BoringModule["configureOptimizers"]> {
    const optimizer = new optim.SGD(this.parameters(), { lr: 0.1 });
    return {
      optimizer,
      lrScheduler: { scheduler: new optim.lrScheduler.ReduceLROnPlateau(optimizer), monitor: "val/los" },
    };
  }
}

async function fit(module: Silent, callbacks: readonly Callback[], options: TrainerOptions = {}) {
  const trainer = new Trainer({
    maxEpochs: 1,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    enableCheckpointing: callbacks.some((one) => one instanceof ModelCheckpoint),
    defaultRootDir: dir,
    callbacks: [...callbacks],
    ...options,
  });
  await trainer.fit(module, { trainDataloaders: numbers(2), valDataloaders: numbers(1) });
}

const checkpoint = (options: object) => new ModelCheckpoint({ dirpath: join(dir, "ck"), ...options });
const unchecked = { numSanityValSteps: 0 };

test.each<[string, Silent, () => Callback[], TrainerOptions, RegExp]>([
  [
    "a checkpoint's monitor",
    new Declared(),
    () => [checkpoint({ monitor: "val/los" })],
    unchecked,
    /ModelCheckpoint\(monitor='val\/los'\): nothing logs 'val\/los'\n {2}fix: did you mean 'val\/loss'\?/,
  ],
  [
    "a checkpoint's monitor, known from the sanity check",
    new Silent(),
    () => [checkpoint({ monitor: "val/acc" })],
    {},
    /nothing logs 'val\/acc'\n {2}fix: .*val\/loss/,
  ],
  [
    "early stopping's monitor",
    new Declared(),
    () => [new EarlyStopping({ monitor: "Loss" })],
    unchecked,
    /EarlyStopping\(monitor='Loss'\): nothing logs 'Loss'\n {2}fix: did you mean 'loss'\?/,
  ],
  [
    "a plateau schedule's monitor",
    new Plateau(),
    () => [],
    unchecked,
    /ReduceLROnPlateau\(monitor='val\/los'\): nothing logs/,
  ],
  [
    "a field of a file name",
    new Declared(),
    () => [checkpoint({ filename: "{epoch}-{val/lss:.2f}" })],
    unchecked,
    /ModelCheckpoint\(filename='{epoch}-{val\/lss:.2f}'\): nothing logs 'val\/lss'/,
  ],
  ["a format of a file name", new Silent(), () => [checkpoint({ filename: "{val/loss:4q}" })], unchecked, /4q|format/],
  [
    "a format that does not fit a fraction",
    new Silent(),
    () => [checkpoint({ filename: "{val/loss:02d}" })],
    unchecked,
    /02d|format/,
  ],
  [
    "a stray brace of a file name",
    new Silent(),
    () => [checkpoint({ filename: "{epoch}}" })],
    unchecked,
    /a brace outside of a placeholder/,
  ],
  [
    "early stopping without the validation that it watches",
    new Declared(),
    () => [new EarlyStopping({ monitor: "val/loss" })],
    { limitValBatches: 0 },
    /there is no validation, which logs 'val\/loss'/,
  ],
])("%s that is wrong is found before the first step", async (_what, module, callbacks, options, message) => {
  await expect(fit(module, callbacks(), options)).rejects.toThrow(message);
  expect(module.steps).toBe(0);
  expect(existsSync(join(dir, "ck"))).toBe(false);
});

test.each<[string, Silent, () => Callback[], TrainerOptions]>([
  ["of training", new Declared(), () => [new EarlyStopping({ monitor: "loss_epoch" })], {}],
  ["that may be of training", new Silent(), () => [new EarlyStopping({ monitor: "loss" })], {}],
  ["that is not required", new Declared(), () => [new EarlyStopping({ monitor: "other", strict: false })], {}],
  [
    "without validation, of a checkpoint",
    new Declared(),
    () => [checkpoint({ monitor: "val/loss" })],
    { limitValBatches: 0 },
  ],
  ["that is the step", new Declared(), () => [checkpoint({ monitor: "step", filename: "{epoch:02d}-{step}" })], {}],
])("a metric %s is not refused", async (_what, module, callbacks, options) => {
  await fit(module, callbacks(), options);
  expect(module.steps).toBe(2);
  expect(said.join("\n")).not.toMatch(/^(?!.*(other|no validation)).*nothing logs/);
});

class SilentPlateau extends Plateau {
  override metricNames(): never {
    return undefined as never;
  }
}

test.each<[string, Silent, () => Callback[]]>([
  ["a checkpoint's monitor", new Silent(), () => [checkpoint({ monitor: "val/los" })]],
  ["early stopping's monitor", new Silent(), () => [new EarlyStopping({ monitor: "val/los" })]],
  ["a plateau schedule's monitor", new SilentPlateau(), () => []],
])("%s that could not be checked before is refused after the first epoch, with the nearest name", async (...args) => {
  const [, module, callbacks] = args;
  await expect(fit(module, callbacks(), { ...unchecked, maxEpochs: 3 })).rejects.toThrow(/val\/los[\s\S]*val\/loss/);
  expect(module.steps).toBe(2);
});

test("a field of a file name that could not be checked before is warned about once, with the nearest name", async () => {
  await fit(new Silent(), [checkpoint({ filename: "{epoch}-{val/los:.2f}", saveTopK: -1 })], {
    ...unchecked,
    maxEpochs: 2,
  });
  const warned = said.filter((line) => line.includes("nothing has logged 'val/los', which is 0 there"));
  expect(warned).toHaveLength(1);
  expect(warned[0]).toContain("did you mean 'val/loss'?");
});
