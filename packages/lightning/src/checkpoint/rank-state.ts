import { keep, scope, serialization } from "@classifier-training/torch";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { LightningError } from "../utilities/errors.ts";
import type { Checkpoint, LoopState, RankState } from "./checkpoint.ts";

/** On rank 0: the states of the other ranks, taken from the checkpoint that each has made of itself. */
export async function gatherRanks(own: Checkpoint, strategy: Strategy): Promise<RankState[]> {
  const { loops, moduleMetrics = {}, rng = {}, gradients } = own;
  if (!isDistributed(strategy) || loops === undefined) return [];
  const { results, metrics } = loops;
  const state: RankState = { results, metrics, moduleMetrics, rng, ...(gradients && { gradients }) };
  const isFirst = strategy.globalRank === 0;
  const all = await strategy.allGather(isFirst ? null : pack(state));
  return isFirst ? all.slice(1).map((packed, i) => unpack(packed as Packed, i + 1)) : [];
}

/**
 * The state that this rank resumes from; the first rank's is stored as that of a single process.
 * @throws LightningError in mid-epoch, when the run had another number of processes: its data was sharded otherwise
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

/** The state as the bytes of a safetensors file; or why it cannot be saved, for rank 0 to report. */
type Packed = { readonly bytes: Uint8Array } | { readonly where: string; readonly what: string };

function pack(state: RankState): Packed {
  try {
    const { tensors, json } = serialization.packTree(state);
    return { bytes: serialization.serializeSafetensors(tensors, { state: json }) };
  } catch (error) {
    if (!(error instanceof serialization.SerializationError)) throw error;
    return { where: error.problem.where ?? "", what: error.problem.what };
  }
}

function unpack(packed: Packed, rank: number): RankState {
  if (!("bytes" in packed)) {
    const { where, what } = packed;
    const refusal = { code: "checkpoint/state", what, where: `rank ${rank}: ${where}` };
    return new serialization.SerializationError(refusal) as unknown as RankState;
  }
  return scope(() => {
    const { tensors, metadata } = serialization.deserializeSafetensors(packed.bytes);
    for (const tensor of tensors.values()) keep(tensor);
    return serialization.unpackTree({ tensors, json: metadata["state"] ?? "" }) as RankState;
  });
}

/** @throws SerializationError when another rank's state could not be packed */
export function refuseIncompleteRanks({ ranks = [] }: Checkpoint): void {
  for (const rank of ranks) if (rank instanceof serialization.SerializationError) throw rank;
}
