import type { optim, Tensor } from "@classifier-training/torch";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Awaitable } from "../utilities/awaitable.ts";
import type { LightningModule, StepOutputs } from "./module.ts";
import type { TrainerFn, TrainerView } from "./trainer-view.ts";

type Plain = Awaitable<void>;

/** A metric that is named in an option, before it was logged. */
export interface MetricUse {
  readonly name: string;
  /** The option, as messages name it. */
  readonly option: string;
  /** Whether it is an error that nothing logs it. */
  readonly isRequired: boolean | "when validated";
}

/**
 * Something that takes part in training without being the model: it overrides the hooks it needs. Hooks may be
 * asynchronous; the training waits for them.
 */
export abstract class Callback {
  /** Whether it watches metrics: its `onTrainEpochEnd` then runs after the module's, which may still log some. */
  get monitorsMetrics(): boolean {
    return false;
  }

  /** The metrics that its options name: whether they exist is asked before the first step. */
  get metricUses(): readonly MetricUse[] {
    return [];
  }

  /** Checkpoint callbacks run after all others, tuners before them; the rest keep their order. */
  get order(): "first" | "normal" | "last" {
    return "normal";
  }

  /** Whether it only reports (files, images, text): in a distributed run rank 0 alone then has it. */
  get rankZeroOnly(): boolean {
    return false;
  }

  /**
   * Whether people alone read what it makes (plots, tables, text). Its failures (a full disk, thousands of classes) are
   * then a warning, the first time, and training continues; a wrong configuration is an error all the same.
   */
  get reportsOnly(): boolean {
    return false;
  }

  /** Under which name its state goes into checkpoints: two callbacks of a class need different ones. */
  get stateKey(): string {
    return this.constructor.name;
  }

  /**
   * Moving averages of parameters that the optimizer may update in its own pass over memory, right after the step.
   * Asked for before each step that ends a batch; whoever returns some must not update them again for this batch.
   */
  averagesInStep?(
    module: LightningModule,
    optimizer: optim.Optimizer,
  ): { readonly averages: ReadonlyMap<Tensor, Tensor>; readonly decay: number };

  /**
   * How many steps a schedule takes where it takes one otherwise.
   * @param epochs trained when the step is due, with the fraction of the one in progress
   * @param perEpoch how often the schedule is stepped in an epoch
   */
  schedulerSteps?(epochs: number, perEpoch: number): number;

  /** What a resumed run must know; plain values, arrays, maps and tensors. */
  stateDict?(): Record<string, unknown>;
  loadStateDict?(state: Record<string, unknown>): void;

  /** Bytes of tensors that it adds to a checkpoint in `onSaveCheckpoint`: memory for them is made ready in advance. */
  checkpointBytes?(module: LightningModule): number;

  setup?(trainer: TrainerView, module: LightningModule, stage: TrainerFn): Plain;
  teardown?(trainer: TrainerView, module: LightningModule, stage: TrainerFn): Plain;
  onFitStart?(trainer: TrainerView, module: LightningModule): Plain;
  onFitEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onSanityCheckStart?(trainer: TrainerView, module: LightningModule): Plain;
  onSanityCheckEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onTrainStart?(trainer: TrainerView, module: LightningModule): Plain;
  onTrainEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onTrainEpochStart?(trainer: TrainerView, module: LightningModule): Plain;
  onTrainEpochEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onTrainBatchStart?(trainer: TrainerView, module: LightningModule, batch: unknown, batchIdx: number): Plain;
  /** @param outputs what `trainingStep` returned, as an object with `loss`; empty when it returned nothing. */
  onTrainBatchEnd?(
    trainer: TrainerView,
    module: LightningModule,
    outputs: StepOutputs,
    batch: unknown,
    batchIdx: number,
  ): Plain;
  onBeforeZeroGrad?(trainer: TrainerView, module: LightningModule, optimizer: optim.Optimizer): Plain;
  onBeforeBackward?(trainer: TrainerView, module: LightningModule, loss: Tensor): Plain;
  onAfterBackward?(trainer: TrainerView, module: LightningModule): Plain;
  onBeforeOptimizerStep?(trainer: TrainerView, module: LightningModule, optimizer: optim.Optimizer): Plain;

  onValidationStart?(trainer: TrainerView, module: LightningModule): Plain;
  onValidationEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onValidationEpochStart?(trainer: TrainerView, module: LightningModule): Plain;
  onValidationEpochEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onValidationBatchStart?(
    trainer: TrainerView,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx?: number,
  ): Plain;
  onValidationBatchEnd?(
    trainer: TrainerView,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx?: number,
  ): Plain;
  onTestStart?(trainer: TrainerView, module: LightningModule): Plain;
  onTestEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onTestEpochStart?(trainer: TrainerView, module: LightningModule): Plain;
  onTestEpochEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onTestBatchStart?(
    trainer: TrainerView,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx?: number,
  ): Plain;
  onTestBatchEnd?(
    trainer: TrainerView,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx?: number,
  ): Plain;
  onPredictStart?(trainer: TrainerView, module: LightningModule): Plain;
  onPredictEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onPredictEpochStart?(trainer: TrainerView, module: LightningModule): Plain;
  onPredictEpochEnd?(trainer: TrainerView, module: LightningModule): Plain;
  onPredictBatchStart?(
    trainer: TrainerView,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx?: number,
  ): Plain;
  onPredictBatchEnd?(
    trainer: TrainerView,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx?: number,
  ): Plain;

  onException?(trainer: TrainerView, module: LightningModule, error: unknown): Plain;
  onSaveCheckpoint?(trainer: TrainerView, module: LightningModule, checkpoint: Checkpoint): Plain;
  onLoadCheckpoint?(trainer: TrainerView, module: LightningModule, checkpoint: Checkpoint): Plain;
}

/** The hooks of a callback, by name. */
export type CallbackHook = {
  [K in keyof Callback]-?: K extends `on${string}` | "setup" | "teardown" ? K : never;
}[keyof Callback];

/** What a hook takes beyond the trainer and the module. */
export type HookArguments<H extends CallbackHook> =
  Parameters<NonNullable<Callback[H]>> extends [unknown, unknown, ...infer Rest] ? Rest : never;
