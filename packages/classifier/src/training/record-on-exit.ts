import type { RunWriter } from "@classifier-training/runs";

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Until undone, ends the record of a run with its process: an exit in a signal handler or a hook passes no `catch`.
 * A signal that nothing else handles (before the first step, say) ends the process.
 */
export function recordExit(record: RunWriter): () => void {
  const onExit = (code: number) => {
    const name = Object.entries(signals).find(([, exitCode]) => exitCode === code)?.[0];
    if (name === undefined) record.finish("failed", `the process ended with exit code ${code}`);
    else record.finish("interrupted", `interrupted by ${name}`);
  };
  const handlers = Object.entries(signals).map(([name, code]) => {
    const signal = name as keyof typeof signals;
    const handler = () => {
      if (process.listenerCount(signal) === 1) process.exit(code);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  process.on("exit", onExit);
  return () => {
    process.off("exit", onExit);
    for (const undo of handlers) undo();
  };
}
