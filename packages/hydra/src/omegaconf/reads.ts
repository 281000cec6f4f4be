import type { Node } from "./node.ts";

/** The full keys that were read while a tracker was on. */
export interface ReadTracker {
  readonly keys: ReadonlySet<string>;
  stop(): void;
}

let tracked: Set<string> | undefined;

/** Starts to note which keys a program reads; printing and saving a configuration does not count. */
export function trackReads(): ReadTracker {
  const keys = new Set<string>();
  tracked = keys;
  return {
    keys,
    stop: () => {
      if (tracked === keys) tracked = undefined;
    },
  };
}

export function noteRead(node: Node): void {
  tracked?.add(node.fullKey());
}

export function isTracking(): boolean {
  return tracked !== undefined;
}

/** Runs `action` without noting what it reads. */
export function untracked<T>(action: () => T): T {
  const before = tracked;
  tracked = undefined;
  try {
    return action();
  } finally {
    tracked = before;
  }
}
