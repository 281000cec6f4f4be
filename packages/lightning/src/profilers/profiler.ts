/** Measures named spans of a run; spans may nest and repeat. */
export interface Profiler {
  start(name: string): void;
  stop(name: string): void;
  /** Writes or prints what was measured; called when a function of the trainer ends. */
  finish(): void;
}

/** Measures nothing. */
export const passThroughProfiler: Profiler = { start() {}, stop() {}, finish() {} };
