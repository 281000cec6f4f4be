import { getNumThreads, governor, setNumThreads } from "@classifier-training/torch";

/** From the end of a batch of an epoch on (batch -1: from its start), training computes with so many threads. */
export interface ThreadChange {
  readonly epoch: number;
  readonly batch: number;
  readonly threads: number;
}

/**
 * The numbers of compute threads of a run. LibTorch's sums have other bits with another number of threads, so a run can
 * be repeated bit for bit only with the same ones at the same batches.
 */
export class ThreadLog {
  #last: number | undefined;
  /** Changes that no line of the determinism log has yet. */
  #pending: ThreadChange[] = [];

  note(epoch: number, batch: number): void {
    const threads = getNumThreads();
    if (threads === this.#last) return;
    this.#last = threads;
    this.#pending.push({ epoch, batch, threads });
  }

  /** What is to be written, once. */
  take(): readonly ThreadChange[] {
    const taken = this.#pending;
    this.#pending = [];
    return taken;
  }

  stateDict(): Record<string, unknown> {
    return { last: this.#last ?? null, pending: this.#pending };
  }

  loadStateDict(state: Record<string, unknown>): void {
    this.#last = (state["last"] as number | null | undefined) ?? undefined;
    this.#pending = [...((state["pending"] as ThreadChange[] | undefined) ?? [])];
  }
}

/** Computes with the numbers of threads that another run computed with. */
export class ThreadFollower {
  readonly #changes: readonly ThreadChange[];
  readonly #governed = governor.enabled;

  constructor(changes: readonly ThreadChange[]) {
    this.#changes = changes;
    if (changes.length > 0) governor.enabled = false;
  }

  /** After a batch, or (-1) at the start of an epoch. */
  apply(epoch: number, batch: number): void {
    const change = this.#changes.findLast((one) => one.epoch < epoch || (one.epoch === epoch && one.batch <= batch));
    if (change !== undefined && change.threads !== getNumThreads()) setNumThreads(change.threads);
  }

  stop(): void {
    governor.enabled = this.#governed;
  }
}

export interface ThreadDifference {
  readonly at: { readonly epoch: number; readonly batch: number };
  /** Threads from there on; undefined where that run's number is not recorded. */
  readonly original: number | undefined;
  readonly again: number | undefined;
}

/** The first place where two runs continued with different numbers of threads. */
export function firstThreadDifference(
  original: readonly ThreadChange[],
  again: readonly ThreadChange[],
): ThreadDifference | undefined {
  // A log of an earlier version does not have threads.
  if (original.length === 0 || again.length === 0) return undefined;
  const places = [...original, ...again].sort((a, b) => a.epoch - b.epoch || a.batch - b.batch);
  const at = ({ epoch, batch }: ThreadChange, changes: readonly ThreadChange[]) =>
    changes.findLast((one) => one.epoch < epoch || (one.epoch === epoch && one.batch <= batch))?.threads;
  for (const place of places) {
    const [own, other] = [at(place, original), at(place, again)];
    if (own !== other) return { at: { epoch: place.epoch, batch: place.batch }, original: own, again: other };
  }
  return undefined;
}
