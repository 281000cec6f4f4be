import { fromTypedArray, keep, scope, Tensor, type TypedArray } from "@classifier-training/torch";
import type { MetricValues, ResultState } from "../run/result-collection.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { LightningError } from "../utilities/errors.ts";
import type { Checkpoint, LoopState } from "./checkpoint.ts";

/** What a rank other than the first has of its own: a run that goes on needs it of each. */
export interface RankState {
  /** What it has logged in the epoch so far. */
  readonly results: ResultState;
  readonly metrics: Readonly<{ callback: MetricValues; logged: MetricValues; progressBar: MetricValues }>;
  readonly moduleMetrics: Readonly<Record<string, Record<string, unknown>>>;
  readonly rng: Record<string, unknown>;
  /** Gradients in the middle of an accumulation. */
  readonly gradients?: Map<string, Tensor>;
}

/** On rank 0, what the ranks after it have of their own, taken from the checkpoint that each has made of itself. */
export async function gatherRanks(own: Checkpoint, strategy: Strategy): Promise<RankState[]> {
  const { loops, moduleMetrics = {}, rng = {}, gradients } = own;
  if (!isDistributed(strategy) || loops === undefined) return [];
  const { results, metrics } = loops;
  const state: RankState = { results, metrics, moduleMetrics, rng, ...(gradients && { gradients }) };
  const isFirst = strategy.globalRank === 0;
  const all = await strategy.allGather(isFirst ? null : packTensors(state));
  return isFirst ? all.slice(1).map((other) => unpackTensors(other) as RankState) : [];
}

/**
 * What this rank goes on from: a checkpoint holds the first rank's where a single process has its own.
 * @throws LightningError in mid-epoch, when the run had another number of processes: its data was divided otherwise
 */
export function ownState(
  { ranks = [], moduleMetrics, gradients }: Checkpoint,
  { phase, isLastBatch }: LoopState,
  { globalRank, worldSize }: Strategy,
  path: string | undefined,
): Partial<RankState> {
  const betweenEpochs = phase === "betweenEpochs" || phase === "epochEnd" || (phase === "validationEnd" && isLastBatch);
  const before = ranks.length + 1;
  if (before !== worldSize && !betweenEpochs) {
    throw new LightningError({
      code: "checkpoint/world-size",
      what: `the checkpoint was made in mid-epoch by ${before} processes, and this run has ${worldSize}`,
      where: path,
      fix: `resume with as many processes (devices x numNodes = ${before}), or from a checkpoint made at the end of an epoch`,
    });
  }
  if (globalRank > 0) return ranks[globalRank - 1] ?? {};
  return { ...(moduleMetrics && { moduleMetrics }), ...(gradients && { gradients }) };
}

interface PackedTensor {
  readonly $tensor: { readonly dtype: Tensor["dtype"]; readonly shape: readonly number[]; readonly data: TypedArray };
}

/** The same tree with tensors as typed arrays, which can be sent to another process. */
export function packTensors(value: unknown): unknown {
  return mapTree(value, (item) =>
    item instanceof Tensor
      ? ({ $tensor: { dtype: item.dtype, shape: [...item.shape], data: item.toTypedArray() } } satisfies PackedTensor)
      : undefined,
  );
}

export function unpackTensors(value: unknown): unknown {
  return mapTree(value, (item) => {
    const packed = (item as Partial<PackedTensor> | null)?.$tensor;
    if (packed === undefined) return undefined;
    const { dtype, shape, data } = packed;
    return scope(() => keep(fromTypedArray(data, [...shape]).to({ dtype, copy: true })));
  });
}

/** @param replace undefined where the tree goes on below the value */
function mapTree(value: unknown, replace: (item: unknown) => unknown): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const replaced = replace(value);
  if (replaced !== undefined) return replaced;
  if (Array.isArray(value)) return value.map((item) => mapTree(item, replace));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, mapTree(item, replace)]));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTree(item, replace)]));
}
