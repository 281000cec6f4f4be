import { fileURLToPath } from "node:url";
import { TorchError } from "../errors.ts";
import type { NativeOperator } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { describeValue, setCallListener } from "../ops/dispatch.ts";
import { Tensor } from "../tensor/tensor.ts";
import { synchronous } from "./modes.ts";

/** A forward call, by the graph node that it made. */
interface ForwardCall {
  readonly operator: NativeOperator;
  readonly values: readonly unknown[];
  /** Where it was made, outside of this package's own files. */
  readonly at: string;
}

const shownCalls = 3;

/**
 * Runs `fn` in anomaly mode: a backward pass that makes a NaN throws, and names the graph node, the forward operators
 * that made such nodes, and where they were called. Slow; for debugging. Global for the process while it runs.
 *
 * @throws TorchError `torch/anomaly`
 */
export function detectAnomaly<T>(fn: () => T, { checkNaN = true }: { checkNaN?: boolean } = {}): T {
  const calls = new Map<string, ForwardCall[]>();
  native.setAnomaly(true, checkNaN);
  const previous = setCallListener((operator, values, result) => {
    remember(calls, operator, values, result);
    previous?.(operator, values, result);
  });
  try {
    return synchronous("detectAnomaly", fn());
  } catch (error) {
    throw explained(error, calls);
  } finally {
    setCallListener(previous);
    native.setAnomaly(false, true);
  }
}

function remember(
  calls: Map<string, ForwardCall[]>,
  operator: NativeOperator,
  values: readonly unknown[],
  result: unknown,
): void {
  const first = Array.isArray(result) ? (result as unknown[])[0] : result;
  if (!(first instanceof Tensor)) return;
  const node = native.gradFnName(first.handle);
  if (node === null) return;
  // Described now: shapes may change, and tensors be freed, before the backward pass.
  const call = { operator, values: values.map(describeValue), at: callSite() };
  const known = calls.get(node);
  if (known) known.push(call);
  else calls.set(node, [call]);
}

// Frames name a file by its URL or by its path.
const ownFolder = new URL("../..", import.meta.url);
const ownNames = [ownFolder.href, fileURLToPath(ownFolder)];

/** The first frame that is not of this package. */
function callSite(): string {
  const frames = (new Error().stack ?? "").split("\n").slice(1);
  const isOwn = (frame: string) =>
    frame.includes("node:") || (ownNames.some((name) => frame.includes(name)) && !frame.includes(".test."));
  return (frames.find((frame) => !isOwn(frame)) ?? "").trim();
}

function explained(error: unknown, calls: ReadonlyMap<string, readonly ForwardCall[]>): unknown {
  if (!(error instanceof TorchError)) return error;
  const [, node] = /Function '(.+)' returned nan/.exec(error.message) ?? [];
  if (node === undefined) return error;
  const candidates = calls.get(node) ?? [];
  const lines = candidates.slice(-shownCalls).map(({ operator, values, at }) => {
    const given = values.filter((value) => value !== "undefined").join(", ");
    return `${operator.name}(${given}) ${at}`;
  });
  const more = candidates.length > shownCalls ? ` (the last ${shownCalls} of ${candidates.length} such calls)` : "";
  return new TorchError({
    code: "torch/anomaly",
    what: error.problem.what,
    where: lines.length === 0 ? undefined : `forward${more}: ${lines.join("; ")}`,
    fix: "look for a zero or an infinity in the inputs of that call",
    cause: error,
  });
}
