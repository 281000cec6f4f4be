import { TorchError } from "../errors.ts";

/** Something between the processes of a distributed run went wrong: one is gone, late, or asked for something else. */
export class DistributedError extends TorchError {}

/** What LibTorch's text of a failure means. */
function meaning(text: string): { readonly what: string; readonly fix: string } {
  if (/closed by peer|Connection reset|Broken pipe|Socket closed|failed to recv/i.test(text)) {
    return {
      what: "another rank has ended or lost its connection",
      fix: "its own output says why: look at the log of the rank that ended first (killed? out of memory? an error?)",
    };
  }
  if (/refused|resolve|not known|unreachable|No route|(trying|failed) to connect/i.test(text)) {
    return {
      what: "the meeting point of the ranks cannot be reached",
      fix: "MASTER_ADDR must be an address of rank 0's machine that all machines reach, and MASTER_PORT a port that is open there",
    };
  }
  if (/timed? ?out|timeout/i.test(text)) {
    return {
      what: "another rank did not come in time",
      fix: "look at what the other ranks do: all must take the same steps in the same order. A slow one needs a longer timeout",
    };
  }
  if (/in use/i.test(text)) {
    return {
      what: "the port of the meeting point is taken",
      fix: "choose another MASTER_PORT, the same for all ranks",
    };
  }
  return { what: "it failed", fix: "look at the output of the other ranks too" };
}

/** @param operation what this rank was doing, e.g. `allReduce of float32 [64]` */
export function distributedError(operation: string, rank: number, worldSize: number, cause: unknown): DistributedError {
  const text = (cause instanceof Error ? cause.message : String(cause)).split("\n")[0] ?? "";
  const { what, fix } = meaning(text);
  return new DistributedError({
    code: "torch/distributed",
    what: `${operation} on rank ${rank} of ${worldSize}: ${what} (${text})`,
    fix,
    cause,
  });
}
