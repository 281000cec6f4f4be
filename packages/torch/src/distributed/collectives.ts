import type { Work } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { emptyLike } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { DistributedError, distributedError } from "./errors.ts";
import { began, Wait } from "./heartbeat.ts";
import { group } from "./process-group.ts";

export type ReduceOp = "sum" | "avg" | "min" | "max" | "product";

// Each operation must be called by every rank of the group, in the same order, with tensors of the same shape and dtype.
// The plain form does not block the event loop; the one named Sync blocks until the other ranks have called it.

/** Replaces a contiguous tensor by the reduction over all ranks'; `avg` needs a floating dtype. */
export async function allReduce(tensor: Tensor, op: ReduceOp = "sum"): Promise<void> {
  await finished(startAllReduce(tensor, op));
  if (op === "avg") tensor.div_(group().worldSize);
}

export function allReduceSync(tensor: Tensor, op: ReduceOp = "sum"): void {
  finishedSync(startAllReduce(tensor, op));
  if (op === "avg") tensor.div_(group().worldSize);
}

function startAllReduce(tensor: Tensor, op: ReduceOp): Started {
  return start("allReduce", [tensor], [], op === "avg" ? "sum" : op);
}

/** Replaces a contiguous tensor by that of rank `source`. */
export function broadcast(tensor: Tensor, source = 0): Promise<void> {
  return finished(start("broadcast", [tensor], [], source));
}

/** The tensors of all ranks, by rank. All must have the shape and dtype of this one. */
export async function allGather(tensor: Tensor): Promise<Tensor[]> {
  const outputs = gathered(tensor);
  await finished(start("allGather", [tensor], outputs, null));
  return outputs;
}

export function allGatherSync(tensor: Tensor): Tensor[] {
  const outputs = gathered(tensor);
  finishedSync(start("allGather", [tensor], outputs, null));
  return outputs;
}

function gathered(tensor: Tensor): Tensor[] {
  return Array.from({ length: group().worldSize }, () => emptyLike(tensor.detach()));
}

interface Started {
  readonly work: Work;
  readonly what: string;
  /** Kept until the operation is over: its memory is written to. */
  readonly tensors: readonly Tensor[];
}

function start(
  operation: string,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  detail: string | number | null,
): Started {
  const { rank, worldSize } = group();
  const [tensor] = inputs as readonly [Tensor];
  const what = `${operation} of ${tensor.dtype} [${tensor.shape.join(", ")}]`;
  if (!tensor.isContiguous()) {
    throw new DistributedError({
      code: "torch/distributed-layout",
      what: `${what} on rank ${rank}: expected a contiguous tensor: ranks exchange raw memory`,
      fix: "pass tensor.contiguous(), and copy the result back",
    });
  }
  const handles = (tensors: readonly Tensor[]) => tensors.map((one) => one.handle);
  began(what);
  try {
    const work = native.startCollective?.(operation, handles(inputs), handles(outputs), detail) as Work;
    return { work, what, tensors: [...inputs, ...outputs] };
  } catch (error) {
    throw distributedError(what, rank, worldSize, error);
  }
}

function finished({ work, what }: Started): Promise<void> {
  const { rank, worldSize } = group();
  const wait = new Wait(what);
  const timer = setInterval(() => wait.report(), wait.everyMs);
  timer.unref();
  return new Promise((resolve, reject) => {
    native.onCollective?.(work, (error) => {
      clearInterval(timer);
      if (error === null) resolve();
      else reject(distributedError(what, rank, worldSize, error));
    });
  });
}

function finishedSync({ work, what }: Started): void {
  const { rank, worldSize } = group();
  const wait = new Wait(what);
  try {
    while (native.waitCollective?.(work, wait.everyMs) === false) wait.report();
  } catch (error) {
    throw distributedError(what, rank, worldSize, error);
  }
}
