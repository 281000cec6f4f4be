import { getRngState, setRngState, type Tensor } from "@classifier-training/torch";

/** The state of the generators that training samples from. Data augmentation has none: its samples are keyed by position. */
export function captureRng(): Record<string, unknown> {
  return { torch: getRngState() };
}

export function restoreRng(state: Record<string, unknown>): void {
  const saved = state["torch"] as Tensor | undefined;
  if (saved !== undefined) setRngState(saved);
}

export function disposeRng(state: Record<string, unknown>): void {
  (state["torch"] as Tensor | undefined)?.dispose();
}

/** Runs something without a trace in the generators: the sanity check. */
export async function isolateRng(run: () => Promise<void>): Promise<void> {
  const state = captureRng();
  await run();
  restoreRng(state);
  disposeRng(state);
}
