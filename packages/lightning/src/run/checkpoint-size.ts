import { scope, Tensor } from "@classifier-training/torch";
import type { RunContext } from "./run-context.ts";

/** Small tensors that nobody counts: generators, counters, metrics. */
const slackBytes = 1 << 20;

/** About how many bytes of tensors a checkpoint has, once optimizers have a state. No hook such as `stateDict` is called. */
export function estimateCheckpointBytes({ module, optimization, callbacks }: RunContext): number {
  const own = scope(() =>
    [new Map(module.stateEntries()), ...optimization.optimizers.map((optimizer) => optimizer.stateDict())].map(
      tensorBytes,
    ),
  );
  const added = callbacks.map((callback) => callback.checkpointBytes?.(module) ?? 0);
  return [...own, ...added].reduce((sum, bytes) => sum + bytes, slackBytes);
}

/** Bytes of the tensors in plain objects, arrays and maps. */
export function tensorBytes(value: unknown): number {
  if (value instanceof Tensor) return value.numel * value.elementSize;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return 0;
  const items = value instanceof Map ? [...value.values()] : Object.values(value);
  return items.reduce((sum: number, item) => sum + tensorBytes(item), 0);
}
