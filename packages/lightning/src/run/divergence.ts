import { floatRepr, getLogger } from "@classifier-training/base";
import { isFloatingPoint, keep, noGrad, type optim, scope, stack, type Tensor } from "@classifier-training/torch";
import type { LightningModule } from "../core/module.ts";
import type { Precision } from "../precision/precision.ts";
import type { Strategy } from "../strategies/strategy.ts";
import { LightningError } from "../utilities/errors.ts";
import { nonFiniteInput, nonFiniteWeight } from "../utilities/finite.ts";
import type { Progress } from "./progress.ts";
import type { ResolvedOptions } from "./resolved-options.ts";

const log = getLogger("lightning.divergence");

/** Losses of an accelerator are read together: reading each would make training wait for each step. */
const readTogether = 16;

/** A scaler skips the steps of batches that overflow float16; so many in a row mean divergence. */
const skippedInARow = 10;

/** What it looks at. */
interface Run {
  readonly options: ResolvedOptions;
  readonly module: LightningModule;
  readonly progress: Progress;
  readonly precision: Precision;
  readonly strategy: Strategy;
  readonly optimization: { readonly optimizers: readonly optim.Optimizer[] };
}

interface SeenLoss {
  /** 0-dimensional, float32. */
  readonly loss: Tensor;
  readonly step: number;
  readonly where: string;
}

/**
 * Ends a training whose numbers are no longer finite: nothing that follows a NaN can be better than the last checkpoint,
 * and what it would write must not take that one's place. A loss is looked at before it is differentiated, weights are
 * before they are measured or saved.
 */
export class DivergenceGuard {
  readonly #run: Run;
  #unread: SeenLoss[] = [];
  #inARow = 0;
  /** The step whose weights were found finite. */
  #finiteAt = -1;
  /** Checkpoints of this training, the newest last. */
  #written: string[] = [];

  constructor(run: Run) {
    this.#run = run;
  }

  begin(): void {
    this.#forgetLosses();
    this.#inARow = 0;
    this.#finiteAt = -1;
    this.#written = [];
  }

  /** A checkpoint is being written, or training resumed from it. */
  wrote(path: string): void {
    this.#written = [...this.#written.filter((one) => one !== path), path];
  }

  removed(path: string): void {
    this.#written = this.#written.filter((one) => one !== path);
  }

  // --- Losses ---

  /** Takes note of a step's loss. @throws LightningError when this, or one noted before, is not finite */
  see(loss: Tensor, batch: unknown): void {
    if (!isFloatingPoint(loss.dtype) || loss.numel !== 1) return;
    const { progress, strategy } = this.#run;
    const single = noGrad(() => scope(() => keep(loss.detach().reshape([]).to({ dtype: "float32", copy: true }))));
    this.#unread.push({ loss: single, step: progress.optimizerSteps, where: this.#where() });
    if (strategy.rootDevice === "cpu" || this.#unread.length >= readTogether) this.#read(batch);
  }

  /** Reads the losses that were noted. @param batch the one of the last of them */
  #read(batch?: unknown): void {
    const seen = this.#unread;
    if (seen.length === 0) return;
    const values = scope(() =>
      stack(seen.map(({ loss }) => loss))
        .to({ device: "cpu" })
        .toTypedArray(),
    );
    this.#forgetLosses();
    for (const [i, { step, where }] of seen.entries()) {
      const value = Number(values[i]);
      if (Number.isFinite(value)) {
        this.#inARow = 0;
        continue;
      }
      const input = i === seen.length - 1 ? nonFiniteInput(batch) : undefined;
      const what = `the loss is ${value} at step ${step}`;
      if (++this.#inARow >= (this.#run.precision.skipsOverflows ? skippedInARow : 1))
        throw this.#diverged(what, where, input);
      if (this.#inARow === 1) log.warning(`${what} (${where}): the scaler skips this step`);
    }
  }

  #forgetLosses(): void {
    for (const { loss } of this.#unread) loss.dispose();
    this.#unread = [];
  }

  // --- Weights ---

  /** @throws LightningError when a weight of the module is NaN or infinite */
  checkWeights(): void {
    const { progress, module } = this.#run;
    this.#read();
    if (this.#finiteAt === progress.optimizerSteps) return;
    this.#refuse(module.stateEntries());
    this.#finiteAt = progress.optimizerSteps;
  }

  /** @throws LightningError when weights that are about to be saved are NaN or infinite */
  checkSaved(...states: readonly (ReadonlyMap<string, Tensor> | undefined)[]): void {
    for (const state of states) if (state !== undefined) this.#refuse(state);
  }

  #refuse(weights: Iterable<readonly [string, Tensor]>): void {
    const { module, progress } = this.#run;
    const parameters = new Set([...module.namedParameters()].map(([name]) => name));
    const name = nonFiniteWeight(weights, (one) => parameters.has(one));
    if (name === undefined) return;
    throw this.#diverged(`the weight '${name}' is not finite after step ${progress.optimizerSteps}`, this.#where());
  }

  // --- The message ---

  #where(): string {
    const { progress, optimization, precision } = this.#run;
    const rates = optimization.optimizers.flatMap(({ paramGroups }) =>
      (paramGroups as readonly { readonly lr?: number }[]).map(({ lr }) =>
        floatRepr(Number(Number(lr).toPrecision(3))),
      ),
    );
    const rate = [...new Set(rates)].join(", ");
    return `epoch ${progress.epoch + 1}, batch ${progress.batchIdx + 1}, learning rate ${rate}, precision ${precision.name}`;
  }

  #diverged(what: string, where: string, input?: string): LightningError {
    const last = this.#written.at(-1);
    const kept =
      last === undefined
        ? "No checkpoint had been written."
        : `The last checkpoint with finite weights stays: ${last}.`;
    return new LightningError({
      code: "lightning/diverged",
      what: input === undefined ? `training has diverged: ${what}` : `${what}, because \`${input}\` is not finite`,
      where,
      fix: `${input === undefined ? this.#advice() : "look at the data and at its transforms"}. ${kept}`,
    });
  }

  #advice(): string {
    const { options, precision } = this.#run;
    return [
      "lower the learning rate (to a tenth)",
      "warm it up",
      ...(options.gradientClipVal === null ? ["clip gradients (gradientClipVal: 1)"] : []),
      ...(precision.name.startsWith("32") || precision.name.startsWith("64") ? [] : ["train in precision 32-true"]),
    ].join(", or ");
  }
}
