import type { RunContext } from "../trainer/run-context.ts";

/** Lets all ranks know that one of them wants to end or save: they then do so at the same place. */
export async function agreeOnEnd({ strategy, state, signals }: RunContext): Promise<void> {
  const { interrupt, terminate, save } = signals.requests;
  const [stop, interrupted, terminated, saves] = await strategy.anyOf([state.shouldStop, interrupt, terminate, save]);
  if (stop === true) state.shouldStop = true;
  signals.agree({ interrupt: interrupted === true, terminate: terminated === true, save: saves === true });
}
