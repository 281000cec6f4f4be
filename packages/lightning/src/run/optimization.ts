import { getLogger } from "@classifier-training/base";
import { nn, type optim, optim as optimizers, scope, Tensor } from "@classifier-training/torch";
import type { Configured } from "../checkpoint/checkpoint.ts";
import type { Callback } from "../core/callback.ts";
import { LightningOptimizer } from "../core/lightning-optimizer.ts";
import { LightningModule, type StepOutputs } from "../core/module.ts";
import {
  type ConfiguredOptimizers,
  parseOptimizers,
  type SchedulerConfig,
  type SchedulerOptions,
  schedulerConfig,
} from "../core/optimizers.ts";
import { MixedPrecision } from "../precision/plugins.ts";
import type { Precision, StepPass } from "../precision/precision.ts";
import type { Profiler } from "../profilers/profiler.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import type { Awaitable } from "../utilities/awaitable.ts";
import { LightningError, MisconfigurationError } from "../utilities/errors.ts";
import { nonFiniteWeight } from "../utilities/finite.ts";
import type { DivergenceGuard } from "./divergence.ts";
import type { HookCaller } from "./hook-caller.ts";
import type { LoggerConnector } from "./logger-connector.ts";
import type { Progress } from "./progress.ts";
import type { ResolvedOptions } from "./resolved-options.ts";
import { configuredBy } from "./resumed-schedules.ts";

const log = getLogger("lightning.optimization");

/** What a step takes part in. */
interface Run {
  readonly options: ResolvedOptions;
  readonly module: LightningModule;
  readonly callbacks: readonly Callback[];
  readonly progress: Progress;
  readonly hooks: HookCaller;
  readonly log: LoggerConnector;
  readonly precision: Precision;
  readonly strategy: Strategy;
  readonly profiler: Profiler;
  readonly divergence: DivergenceGuard;
}

/** One training step: forward, backward, clipping and the optimizer, with the hooks between them. */
export class Optimization {
  readonly #run: Run;
  #configured: ConfiguredOptimizers = { optimizers: [], schedulers: [] };
  #wrapped = new Map<optim.Optimizer, LightningOptimizer>();
  accumulateGradBatches: number;
  /** What was configured, however training has changed it since. */
  configured: Configured = { optimizers: [], schedulers: [] };
  /** Whether this batch has changed something that a checkpoint holds: weights, or gradients that batches before it began. */
  hasChanged = false;

  constructor(run: Run) {
    this.#run = run;
    this.accumulateGradBatches = run.options.accumulateGradBatches;
  }

  get optimizers(): readonly optim.Optimizer[] {
    return this.#configured.optimizers;
  }

  get schedulers(): readonly SchedulerConfig[] {
    return this.#configured.schedulers;
  }

  async configure(): Promise<void> {
    const { module, hooks } = this.#run;
    const spec = await hooks.module("configureOptimizers");
    if (spec === undefined || spec === null)
      log.warning("configureOptimizers() returned nothing: weights will not change");
    this.#configured = parseOptimizers(spec, module.automaticOptimization);
    this.configured = configuredBy(this.optimizers, this.schedulers);
    this.#wrapped.clear();
  }

  replaceSchedulers(schedulers: readonly SchedulerOptions[]): void {
    const { module } = this.#run;
    const parsed = schedulers.map((options) => schedulerConfig(options, undefined, module.automaticOptimization));
    this.#configured = { ...this.#configured, schedulers: parsed };
  }

  wrap(optimizer: optim.Optimizer): LightningOptimizer {
    let wrapped = this.#wrapped.get(optimizer);
    if (wrapped === undefined) {
      wrapped = new LightningOptimizer(optimizer, (own, closure) => this.#step(own, closure));
      this.#wrapped.set(optimizer, wrapped);
    }
    return wrapped;
  }

  // --- A batch ---

  /** @returns what `trainingStep` returned, its loss detached; the caller frees it. */
  async runBatch(batch: unknown, batchIdx: number, accumulating: boolean): Promise<StepOutputs> {
    const { module, hooks, progress, strategy } = this.#run;
    if (!module.automaticOptimization) {
      const returned = await this.#trainingStep(batch, batchIdx);
      if (isDistributed(strategy)) await strategy.synchronizeBuffers(module);
      const outputs = (
        returned instanceof Tensor
          ? { loss: returned }
          : typeof returned === "object" && returned !== null
            ? returned
            : {}
      ) as StepOutputs;
      if (outputs.loss instanceof Tensor) this.#run.divergence.see(outputs.loss, batch);
      return outputs;
    }
    const [optimizer] = this.optimizers;
    let result: StepOutputs = {};
    const closure = async (): Promise<Tensor | undefined> => {
      const { loss, outputs } = asOutputs(await this.#trainingStep(batch, batchIdx), this.accumulateGradBatches);
      result = outputs;
      if (loss !== undefined) this.#run.divergence.see(loss, batch);
      if (loss === undefined)
        log.warnOnce("`trainingStep` returned nothing. If this was on purpose, ignore this warning");
      if (optimizer !== undefined && batchIdx % this.accumulateGradBatches === 0) {
        await hooks.both("onBeforeZeroGrad", optimizer);
        await hooks.module("optimizerZeroGrad", progress.epoch, batchIdx, optimizer);
      }
      if (loss !== undefined && optimizer !== undefined) await this.#backward(loss);
      loss?.dispose();
      if (isDistributed(strategy)) await strategy.synchronizeBuffers(module);
      return outputs.loss;
    };
    if (accumulating || optimizer === undefined) await closure();
    else {
      await hooks.module("optimizerStep", progress.epoch, batchIdx, this.wrap(optimizer), closure);
      progress.optimizerSteps++;
    }
    return result;
  }

  async #trainingStep(batch: unknown, batchIdx: number): Promise<unknown> {
    const { module, hooks, precision, profiler } = this.#run;
    if (module.trainingStep === undefined) throw new MisconfigurationError("the module has no trainingStep()");
    profiler.start("trainingStep");
    try {
      const step = () => precision.forward(() => hooks.module("trainingStep", batch, batchIdx));
      if (!isAsyncFunction(module.trainingStep)) return scope(step);
      refuseAsync("trainingStep", precision instanceof MixedPrecision);
      return await hooks.module("trainingStep", batch, batchIdx);
    } finally {
      profiler.stop("trainingStep");
    }
  }

  async #backward(loss: Tensor): Promise<void> {
    const { hooks, precision, profiler, progress } = this.#run;
    const scaled = precision.scaleLoss(loss);
    await hooks.both("onBeforeBackward", scaled);
    if (progress.batchIdx % this.accumulateGradBatches !== 0) this.hasChanged = true;
    profiler.start("backward");
    await hooks.module("backward", scaled);
    profiler.stop("backward");
    if (scaled !== loss) scaled.dispose();
    if (this.#run.options.detectAnomaly) this.#refuseNonFiniteGradient();
    await hooks.both("onAfterBackward");
  }

  /** `detectAnomaly`: names the first parameter whose gradient is not finite. */
  #refuseNonFiniteGradient(): void {
    const { module, progress } = this.#run;
    const gradients = [...module.namedParameters()].flatMap(([name, { grad }]) =>
      grad === null ? [] : [[name, grad] as const],
    );
    const name = nonFiniteWeight(gradients, () => true);
    if (name === undefined) return;
    throw new LightningError({
      code: "lightning/anomaly",
      what: `the gradient of ${name} is not finite`,
      where: `epoch ${progress.epoch + 1}, batch ${progress.batchIdx + 1}`,
      fix: "look at this batch; a lower learning rate, gradient clipping or precision 32-true often helps",
    });
  }

  /** `LightningModule.manualBackward`. */
  manualBackward(loss: Tensor): void {
    // Whose gradients these are added to, only the module knows.
    this.hasChanged = true;
    this.#run.precision.scaleLoss(loss).backward();
  }

  async #step(optimizer: optim.Optimizer, closure: (() => Awaitable<Tensor | undefined>) | undefined): Promise<void> {
    const { module, hooks, precision, strategy, options, progress, profiler } = this.#run;
    await closure?.();
    const reduced = strategy.reduceGradients(parametersOf(optimizer));
    if (reduced !== undefined) await reduced;
    precision.unscale(optimizer);
    await hooks.both("onBeforeOptimizerStep", optimizer);
    const pass = this.#pass(optimizer);
    if (module.automaticOptimization && pass.maxGradNorm === undefined) {
      await hooks.module(
        "configureGradientClipping",
        optimizer,
        options.gradientClipVal,
        options.gradientClipAlgorithm,
      );
    }
    this.hasChanged = true;
    profiler.start("optimizerStep");
    scope(() => precision.step(optimizer, pass));
    profiler.stop("optimizerStep");
    if (!module.automaticOptimization) progress.optimizerSteps++;
  }

  /** What one of our optimizers can do in the same pass as its step, when nobody changed how it is done. */
  #pass(optimizer: optim.Optimizer): StepPass {
    const { module, precision, options, callbacks } = this.#run;
    const ours = optimizer instanceof optimizers.Optimizer && optimizer.step === optimizers.Optimizer.prototype.step;
    if (!ours || !module.automaticOptimization || !precision.canPass) return {};
    const { gradientClipVal, gradientClipAlgorithm } = options;
    const plainClipping =
      module.configureGradientClipping === LightningModule.prototype.configureGradientClipping &&
      module.clipGradients === LightningModule.prototype.clipGradients;
    const clips = plainClipping && gradientClipAlgorithm === "norm" && gradientClipVal !== null && gradientClipVal > 0;
    const averager =
      this.accumulateGradBatches === 1 ? callbacks.find((one) => one.averagesInStep !== undefined) : undefined;
    const ema = averager?.averagesInStep?.(module, optimizer);
    return { ...(clips ? { maxGradNorm: gradientClipVal } : {}), ...(ema === undefined ? {} : { ema }) };
  }

  clipGradients(optimizer: optim.Optimizer, value: number | null, algorithm: "norm" | "value"): void {
    if (value === null || value <= 0) return;
    const parameters = parametersOf(optimizer);
    scope(() => {
      if (algorithm === "value") nn.utils.clipGradValue_(parameters, value);
      else nn.utils.clipGradNorm_(parameters, value);
    });
  }

  // --- Schedulers ---

  /** Steps the schedulers of an interval; plateau schedulers apart, since they wait for validation's metrics. */
  async updateSchedulers(interval: "step" | "epoch", plateau: boolean): Promise<void> {
    const { module, progress, hooks, log: logging } = this.#run;
    if (this.schedulers.length === 0 || !module.automaticOptimization) return;
    const current = (interval === "step" ? progress.batchIdx : progress.epoch) + 1;
    for (const config of this.schedulers) {
      if (config.reduceOnPlateau !== plateau || config.interval !== interval || current % config.frequency !== 0)
        continue;
      let metric: number | undefined;
      if (plateau && config.monitor !== undefined) {
        metric = logging.callbackMetrics[config.monitor];
        if (metric === undefined) {
          missingMonitor(config, Object.keys(logging.callbackMetrics));
          continue;
        }
      }
      const steps = config.reduceOnPlateau ? 1 : this.#schedulerSteps(config);
      for (let step = 0; step < steps; step++) await hooks.module("lrSchedulerStep", config.scheduler, metric);
    }
  }

  #schedulerSteps({ interval, frequency }: SchedulerConfig): number {
    const { callbacks, progress } = this.#run;
    const ofEpoch = interval === "epoch" ? 1 : progress.numTrainingBatches;
    const done = progress.epoch + (interval === "epoch" ? 1 : progress.batchesReady / ofEpoch);
    const pace = Number.isFinite(ofEpoch) ? callbacks.find((one) => one.schedulerSteps !== undefined) : undefined;
    return pace?.schedulerSteps?.(done, ofEpoch / frequency) ?? 1;
  }
}

function parametersOf(optimizer: optim.Optimizer): Tensor[] {
  return optimizer.paramGroups.flatMap((group) => [...group.params]);
}

function missingMonitor(config: SchedulerConfig, available: readonly string[]): void {
  const what = `ReduceLROnPlateau conditioned on metric ${config.monitor} which is not available. Available metrics are: ${available.join(", ")}`;
  if (config.strict) throw new MisconfigurationError(what, "set `monitor` in the scheduler's options to one of them");
  log.warnOnce(`${what}. Skipping the learning rate update.`);
}

/** Splits what a step returned into the loss to differentiate and what the hooks get. */
function asOutputs(value: unknown, accumulate: number): { loss: Tensor | undefined; outputs: StepOutputs } {
  if (value === undefined || value === null) return { loss: undefined, outputs: {} };
  const isRecord = typeof value === "object" && !(value instanceof Tensor) && !Array.isArray(value);
  const { loss: raw, ...extra } = (isRecord ? value : { loss: value }) as { loss?: unknown } & Record<string, unknown>;
  if (!(raw instanceof Tensor)) {
    throw new MisconfigurationError(
      isRecord
        ? "in automatic optimization, when `trainingStep` returns an object, the `loss` key needs to be present"
        : "in automatic optimization, `trainingStep` must return a Tensor, an object with `loss`, or nothing",
    );
  }
  const loss = accumulate === 1 ? raw : raw.div(accumulate);
  if (loss !== raw) raw.dispose();
  return { loss, outputs: { loss: loss.detach(), ...extra } };
}

export function isAsyncFunction(method: unknown): boolean {
  return typeof method === "function" && method.constructor.name === "AsyncFunction";
}

export function refuseAsync(step: string, mixed: boolean): void {
  if (!mixed) return;
  throw new MisconfigurationError(
    `an async \`${step}\` cannot run in mixed precision: autocast belongs to the thread, and other work would run in it`,
    `make ${step} synchronous (load data in the loader), or use precision: "32-true" or "bf16-true"`,
  );
}
