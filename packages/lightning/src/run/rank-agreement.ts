import { differences, firstOf } from "../checkpoint/run-signature.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { LightningError } from "../utilities/errors.ts";
import type { RunContext } from "./run-context.ts";

/**
 * Compares what the ranks are about to train, before they exchange tensors: buffers of other sizes would hang them, or
 * end a process inside the communication library.
 * @throws LightningError `lightning/ranks-disagree` on every rank
 */
export async function agreeOnRun(run: RunContext): Promise<void> {
  const { strategy, module, datamodule, options } = run;
  if (!isDistributed(strategy)) return;
  // Where a rank writes, and what it shows, is its own affair.
  const { defaultRootDir: _root, enableProgressBar: _bar, enableModelSummary: _summary, ...settings } = options;
  await agree(strategy, {
    data: datamodule?.fingerprint?.(),
    module: module.fingerprint?.(),
    hyperparameters: module.hparams,
    trainer: settings,
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
