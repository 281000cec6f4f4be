import { differences, firstOf } from "../checkpoint/run-signature.ts";
import type { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { LightningError } from "../utilities/errors.ts";
import type { RunState } from "./progress.ts";
import type { ResolvedOptions } from "./resolved-options.ts";
import type { SignalConnector } from "./signal-connector.ts";

/**
 * Compares what the ranks are about to train, before they exchange tensors: buffers of other sizes would hang them, or
 * end a process inside the communication library.
 * @throws LightningError `lightning/ranks-disagree` on every rank
 */
export async function agreeOnRun(run: {
  readonly strategy: Strategy;
  readonly module: LightningModule;
  readonly datamodule: LightningDataModule | undefined;
  readonly options: ResolvedOptions;
}): Promise<void> {
  const { strategy, module, datamodule, options } = run;
  if (!isDistributed(strategy)) return;
  // Where a rank writes, what it shows and how it ends may differ.
  const {
    defaultRootDir: _root,
    enableProgressBar: _bar,
    enableModelSummary: _summary,
    onSignal: _end,
    ...trainer
  } = options;
  await agree(strategy, {
    data: datamodule?.runSignature?.(),
    module: module.runSignature?.(),
    hyperparameters: module.hparams,
    trainer,
    weights: Object.fromEntries(
      [...module.stateEntries()].map(([name, { shape, dtype }]) => [name, `${dtype} [${shape.join(", ")}]`]),
    ),
  });
}

/** @throws LightningError `lightning/ranks-disagree` on every rank, naming the first rank that differs and in what */
export async function agree(strategy: Strategy, what: Readonly<Record<string, unknown>>): Promise<void> {
  const [first, ...others] = (await strategy.allGather(JSON.stringify(what))).map((text) => JSON.parse(text));
  for (const [i, other] of others.entries()) {
    const found = differences(first, other, (path, a, b) => `${path} is ${a} on rank 0 and ${b} on rank ${i + 1}`);
    if (found.length === 0) continue;
    throw new LightningError({
      code: "lightning/ranks-disagree",
      what: `the ranks are about to train different things: ${firstOf(found)}`,
      fix: "start all ranks with the same command, configuration and data",
    });
  }
}

/** Lets all ranks know that one of them wants to end or save: they then do so at the same place. @returns whether a save by time is due */
export async function agreeOnEnd(run: {
  readonly strategy: Strategy;
  readonly state: RunState;
  readonly signals: SignalConnector;
  readonly lastCheckpoint: { readonly isDue: () => boolean };
}): Promise<boolean> {
  const { strategy, state, signals, lastCheckpoint } = run;
  const { interrupt, terminate, hangUp, save } = signals.requests;
  const [stop, interrupted, terminated, hungUp, saves, due] = await strategy.anyOf([
    state.shouldStop,
    interrupt,
    terminate,
    hangUp,
    save,
    lastCheckpoint.isDue(),
  ]);
  if (stop === true) state.shouldStop = true;
  signals.agree({
    interrupt: interrupted === true,
    terminate: terminated === true,
    hangUp: hungUp === true,
    save: saves === true,
  });
  return due === true;
}
