import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { snakeCase } from "@classifier-training/base";
import { nn, optim, type Tensor, tensor } from "@classifier-training/torch";
import {
  Callback,
  EarlyStopping,
  LightningDataModule,
  LightningModule,
  ModelCheckpoint,
  type Trainer,
  TrainingInterrupted,
} from "../src/index.ts";
import { deviations } from "./deviations.ts";
import type { SectionResult } from "./metrics.ts";
import { firstDifference, loader, quietTrainer, readRecording, trainerOptions } from "./support.ts";

interface Scenario {
  readonly call: "fit" | "validate" | "test" | "predict";
  readonly trainer: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  readonly raised_to_caller: string | null;
  readonly final: { readonly current_epoch: number; readonly global_step: number; readonly should_stop: boolean };
  readonly callback_order: readonly string[];
  readonly files: readonly string[];
}

type Recorder = (event: string) => void;
type Method = (this: object, ...args: unknown[]) => unknown;

/** Makes a method of an object record its call; `argument` says which one goes into the event's name. */
function spy(target: object, owner: string, method: string, record: Recorder, options: SpyOptions = {}): void {
  const original = (target as Record<string, Method | undefined>)[method];
  const { index, show } = options;
  Object.defineProperty(target, method, {
    configurable: true,
    writable: true,
    value: function (this: object, ...args: unknown[]) {
      const argument = show === undefined ? "" : `(${show(args)})`;
      const at = index === undefined || typeof args[index] !== "number" ? "" : `[${args[index]}]`;
      record(`${owner}.${snakeCase(method)}${argument}${at}`);
      return original?.apply(this, args);
    },
  });
}

interface SpyOptions {
  readonly index?: number;
  readonly show?: (args: readonly unknown[]) => string;
}

const stageHooks = ["onSanityCheckStart", "onSanityCheckEnd", "onFitStart", "onFitEnd", "onTrainStart", "onTrainEnd"];
const epochHooks = ["Train", "Validation", "Test", "Predict"].flatMap((stage) => [
  `on${stage}EpochStart`,
  `on${stage}EpochEnd`,
  ...(stage === "Train" ? [] : [`on${stage}Start`, `on${stage}End`]),
]);
const stepHooks = ["onBeforeZeroGrad", "onBeforeBackward", "onAfterBackward", "onBeforeOptimizerStep"];
const checkpointHooks = ["onSaveCheckpoint", "onLoadCheckpoint"];
const batchHooks = ["Train", "Validation", "Test", "Predict"].map(
  (stage) => [`on${stage}BatchStart`, `on${stage}BatchEnd`] as const,
);

function errorName(error: unknown): string {
  if (error instanceof TrainingInterrupted) return "KeyboardInterrupt";
  // Lightning raises RuntimeError where a metric is missing; ours is a configuration error.
  const name = (error as Error).constructor.name;
  return name === "MisconfigurationError" ? "RuntimeError" : name === "TypeError" ? "ValueError" : name;
}

function spyCallback(callback: Callback, owner: string, record: Recorder): Callback {
  const plain = [...stageHooks, ...epochHooks, ...stepHooks, ...checkpointHooks, "stateDict"];
  for (const hook of plain) spy(callback, owner, hook, record);
  for (const hook of ["setup", "teardown"]) spy(callback, owner, hook, record, { show: (args) => String(args[2]) });
  for (const [start, end] of batchHooks) {
    spy(callback, owner, start, record, { index: 3 });
    // Evaluation and training hooks: (trainer, module, outputs, batch, batchIdx).
    spy(callback, owner, end, record, { index: 4 });
  }
  spy(callback, owner, "onException", record, { show: (args) => errorName(args[2]) });
  if (callback.loadStateDict !== undefined) spy(callback, owner, "loadStateDict", record);
  return callback;
}

class Plain extends Callback {
  override stateDict(): Record<string, unknown> {
    return { of: this.stateKey };
  }
  readonly #key: string;
  constructor(key: string) {
    super();
    this.#key = key;
  }
  override get stateKey(): string {
    return this.#key;
  }
}

/** What a scenario does beyond its trainer options. */
interface Behavior {
  readonly name: string;
  readonly record: Recorder;
}

class RecordedModule extends LightningModule<Tensor> {
  readonly l = new nn.Linear(1, 1);
  readonly #name: string;

  constructor({ name, record }: Behavior) {
    super();
    this.#name = name;
    const inner = (method: string, options?: SpyOptions) => spy(this, "module", method, record, options);
    for (const hook of [...stageHooks.slice(2), ...epochHooks, ...stepHooks, ...checkpointHooks]) inner(hook);
    for (const hook of ["configureCallbacks", "prepareData", "configureModel", "configureOptimizers"]) inner(hook);
    for (const hook of ["backward", "configureGradientClipping", "lrSchedulerStep", "optimizerZeroGrad"]) inner(hook);
    for (const stage of ["Validation", "Test", "Predict"]) {
      inner(`on${stage}ModelEval`);
      // The recording shows the module's return to training for validation and test only.
      if (stage !== "Predict") inner(`on${stage}ModelTrain`);
    }
    for (const hook of ["onValidationModelZeroGrad", "stateDict", "loadStateDict"]) inner(hook);
    for (const hook of ["setup", "teardown"]) inner(hook, { show: (args) => String(args[0]) });
    for (const [start, end] of batchHooks) {
      inner(start, { index: 1 });
      inner(end, { index: 2 });
    }
    for (const step of ["trainingStep", "validationStep", "testStep", "predictStep"]) inner(step, { index: 1 });
    inner("eval");
    inner("train", { show: ([mode = true]) => (mode === true ? "True" : "False") });
    const step = this.optimizerStep;
    this.optimizerStep = async (...args) => {
      record("module.optimizer_step");
      await step.apply(this, args);
      record("module.optimizer_step<end>");
    };
  }

  override forward(x: Tensor): Tensor {
    return this.l.call(x);
  }

  override trainingStep(batch: Tensor, batchIdx: number): Tensor | undefined {
    if (this.#name === "fit_exception_train" && batchIdx === 1) throw new TypeError("asked for");
    if (this.#name === "fit_keyboardinterrupt_train" && batchIdx === 1) throw new TrainingInterrupted("SIGINT");
    const loss = this.forward(batch).pow(2).mean();
    if (this.#name === "fit_training_step_returns_None" && batchIdx === 1) return undefined;
    return loss;
  }

  override validationStep(batch: Tensor, batchIdx: number): void {
    const checking = this.trainer.sanityChecking;
    if (this.#name === "fit_exception_val" && !checking && batchIdx === 1) throw new TypeError("asked for");
    if (this.#name === "fit_keyboardinterrupt_val" && !checking) throw new TrainingInterrupted("SIGINT");
    if (this.#name.startsWith("fit_early_stopping")) this.log("v", batch.mul(0).mean());
  }

  override testStep(): void {}

  override predictStep(batch: Tensor): Tensor {
    return this.forward(batch);
  }

  override onTrainBatchStart(_batch: Tensor, batchIdx: number): unknown {
    const skip = this.#name === "fit_on_train_batch_start_returns_minus1" && batchIdx === 1 && this.currentEpoch === 0;
    return skip ? -1 : undefined;
  }

  override onTrainBatchEnd(_outputs: unknown, _batch: Tensor, batchIdx: number): void {
    if (this.#name === "fit_should_stop_mid_epoch" && batchIdx === 1) this.trainer.shouldStop = true;
  }

  override configureOptimizers() {
    const optimizer = new optim.SGD(this.parameters(), { lr: 0.1 });
    const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 1 });
    const interval = this.#name === "fit_scheduler_interval_step" ? ("step" as const) : ("epoch" as const);
    return { optimizer, lrScheduler: { scheduler, interval } };
  }
}

class RecordedData extends LightningDataModule {
  constructor({ name, record }: Behavior) {
    super();
    for (const hook of ["prepareData", "stateDict", "onBeforeBatchTransfer", "onAfterBatchTransfer"]) {
      spy(this, "datamodule", hook, record);
    }
    const data = (stage: string, count: number) => {
      Object.defineProperty(this, `${stage}Dataloader`, {
        value: () => {
          record(`datamodule.${stage}_dataloader`);
          return count === 0 ? [] : loader(count, (i) => tensor([[i + 1]]));
        },
      });
    };
    const trained = /_(\d)batches$/.exec(name)?.[1];
    data("train", Number(trained ?? 3));
    const none = name === "fit_train_batches_3_no_val_loader";
    data("val", none ? 0 : name.includes("3valbatches") ? 3 : 2);
    data("test", 2);
    data("predict", 2);
    Object.assign(this, {
      onBeforeBatchTransfer: traced("on_before_batch_transfer"),
      transferBatchToDevice: traced("transfer_batch_to_device"),
      onAfterBatchTransfer: traced("on_after_batch_transfer"),
    });
    spy(this, "datamodule", "onException", record, { show: (args) => errorName(args[0]) });
    for (const hook of ["setup", "teardown"]) {
      spy(this, "datamodule", hook, record, { show: (args) => String(args[0]) });
    }
    function traced(event: string) {
      return (batch: unknown) => {
        record(`datamodule.${event}`);
        return batch;
      };
    }
  }
}

async function play(name: string, scenario: Scenario): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), "hooks-"));
  try {
    if (name.startsWith("fit_resume")) {
      const epochs = name === "fit_resume_last_max_epochs_2" ? 1 : 2;
      await run(name, { ...scenario, trainer: { ...scenario.trainer, max_epochs: epochs } }, dir, [], null);
    }
    const events: string[] = [];
    const outcome = await run(name, scenario, dir, events, name.startsWith("fit_resume") ? "last" : null);
    return compare(name, scenario, events, outcome, dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Outcome {
  readonly trainer: Trainer;
  readonly raised: string | null;
}

async function run(
  name: string,
  scenario: Scenario,
  dir: string,
  events: string[],
  ckptPath: string | null,
): Promise<Outcome> {
  let trainer: Trainer | undefined;
  const record = (event: string) =>
    events.push(`${event} @e${trainer?.currentEpoch ?? 0} s${trainer?.globalStep ?? 0}`);
  const checkpoint = new ModelCheckpoint({ dirpath: dir, saveLast: true });
  const early = name.startsWith("fit_early_stopping")
    ? [new EarlyStopping({ monitor: name.endsWith("missing_metric") ? "nope" : "v", patience: 1 })]
    : [];
  const callbacks = [
    spyCallback(checkpoint, "ModelCheckpoint", record),
    ...early.map((one) => spyCallback(one, "EarlyStopping", record)),
    spyCallback(new Plain("CbA"), "callbackA", record),
    spyCallback(new Plain("CbB"), "callbackB", record),
  ];
  const module = new RecordedModule({ name, record });
  trainer = quietTrainer({
    ...trainerOptions(scenario.trainer),
    callbacks,
    defaultRootDir: dir,
    asyncCheckpointing: false,
  });
  const datamodule = new RecordedData({ name, record });
  events.length = 0;
  let raised: string | null = null;
  try {
    if (scenario.call === "fit") await trainer.fit(module, { datamodule, ckptPath });
    else await trainer[scenario.call](module, { datamodule, ckptPath });
  } catch (error) {
    raised = errorName(error);
  }
  return { trainer, raised };
}

function withoutSaves(events: readonly string[]): string[] {
  return events.filter((event) => !/\.(state_dict|on_save_checkpoint) /.test(event));
}

function compare(
  name: string,
  scenario: Scenario,
  events: readonly string[],
  { trainer, raised }: Outcome,
  dir: string,
): string[] {
  const failures: string[] = [];
  let actual = events;
  if (scenario.raised_to_caller !== null) {
    // After an error ours tears down (and saves an interrupted run), which the original skips: a fault of its.
    const end = events.findIndex((event) => event.startsWith("datamodule.on_exception"));
    const rest = events.slice(end + 1).filter((event) => /^datamodule\.teardown/.test(event));
    if (rest.length !== 1) failures.push("there was no teardown after the error");
    actual = events.slice(0, end + 1);
  }
  const difference = firstDifference(scenario.events, actual);
  if (deviations[name] !== undefined) {
    if (difference === undefined) failures.push(`no longer deviates: ${deviations[name]}`);
    // Everything but the saving itself is as recorded.
    const rest = firstDifference(withoutSaves(scenario.events), withoutSaves(actual));
    if (rest !== undefined) failures.push(rest);
  } else if (difference !== undefined) failures.push(difference);
  // Ctrl-C surfaces as SystemExit in the original: ours says what happened.
  const wanted = scenario.raised_to_caller === "SystemExit" ? "KeyboardInterrupt" : scenario.raised_to_caller;
  if (wanted !== raised) failures.push(`raised ${raised}, expected ${wanted}`);
  const { current_epoch, global_step, should_stop } = scenario.final;
  if (trainer.currentEpoch !== current_epoch) failures.push(`epoch ${trainer.currentEpoch}, expected ${current_epoch}`);
  if (trainer.globalStep !== global_step) failures.push(`step ${trainer.globalStep}, expected ${global_step}`);
  if (trainer.shouldStop !== should_stop) failures.push(`shouldStop ${trainer.shouldStop}`);
  if (raised === null && trainer.fastDevRun === false) {
    const files = existsSync(dir) ? readdirSync(dir).sort() : [];
    const unlike = firstDifference([...scenario.files].sort(), files);
    if (unlike !== undefined) failures.push(`files ${unlike}`);
  }
  const order = trainer.callbacks.map((callback) =>
    callback instanceof Plain ? callback.stateKey : `Rec${callback.constructor.name}`,
  );
  const misplaced = firstDifference(scenario.callback_order, order);
  if (misplaced !== undefined) failures.push(`callbacks ${misplaced}`);
  return failures;
}

/** Hook order, scenario by scenario. */
export async function hooksConformance(dir: string): Promise<SectionResult[]> {
  if (!existsSync(join(dir, "lightning_hooks.json"))) return [];
  const recorded = readRecording<Record<string, Scenario>>(dir, "lightning_hooks.json");
  const failures: string[] = [];
  let total = 0;
  let passed = 0;
  for (const [name, scenario] of Object.entries(recorded)) {
    if (name.startsWith("_")) continue;
    total++;
    const wrong = await play(name, scenario);
    if (wrong.length === 0) passed++;
    else failures.push(`${name}: ${wrong.join("; ")}`);
  }
  return [{ name: "hooks", passed, total, failures }];
}
