import type { RunContext } from "./run-context.ts";

/** Lets all ranks know that one of them wants to end or save: they then do so at the same place. @returns whether a save by time is due */
export async function agreeOnEnd({ strategy, state, signals, isSaveDue }: RunContext): Promise<boolean> {
  const { interrupt, terminate, hangUp, save } = signals.requests;
  const [stop, interrupted, terminated, hungUp, saves, due] = await strategy.anyOf([
    state.shouldStop,
    interrupt,
    terminate,
    hangUp,
    save,
    isSaveDue(),
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
