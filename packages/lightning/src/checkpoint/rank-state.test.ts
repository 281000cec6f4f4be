import { tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import type { Strategy } from "../strategies/strategy.ts";
import type { Checkpoint, LoopState } from "./checkpoint.ts";
import { gatherRanks, refuseIncompleteRanks } from "./rank-state.ts";

/** Two ranks that exchange what they pass to `allGather`, as copies. */
function twoRanks(): [Strategy, Strategy] {
  const sent: unknown[] = [];
  let meet: (all: readonly unknown[]) => void = () => {};
  const both = new Promise<readonly unknown[]>((resolve) => {
    meet = resolve;
  });
  const rank = (globalRank: number) =>
    ({
      globalRank,
      worldSize: 2,
      allGather: (value: unknown) => {
        sent[globalRank] = structuredClone(value);
        if (globalRank === 1) meet(sent);
        return both;
      },
    }) as unknown as Strategy;
  return [rank(0), rank(1)];
}

function checkpointWith(moduleMetrics: Record<string, Record<string, unknown>>): Checkpoint {
  const loops = { results: {}, metrics: { callback: {}, logged: {}, progressBar: {} } } as unknown as LoopState;
  const gradients = new Map([["w", tensor([0.1, 0.2]).to({ dtype: "bfloat16" })]]);
  return { epoch: 0, globalStep: 0, stateDict: new Map(), runId: "r", loops, rng: {}, gradients, moduleMetrics };
}

async function gathered(ofSecond: Record<string, Record<string, unknown>>): Promise<Checkpoint> {
  const [first, second] = twoRanks();
  const own = checkpointWith({});
  const [ranks, none] = await Promise.all([gatherRanks(own, first), gatherRanks(checkpointWith(ofSecond), second)]);
  expect(none).toEqual([]);
  return { ...own, ranks };
}

test("the first rank gets the states of the others as they were", async () => {
  const { ranks = [] } = await gathered({ accuracy: { correct: tensor([3n]), seen: 7n } });
  const { moduleMetrics, gradients } = ranks[0] ?? {};
  expect(moduleMetrics?.["accuracy"]?.["seen"]).toBe(7n);
  expect(String(moduleMetrics?.["accuracy"]?.["correct"])).toBe("tensor([3])");
  expect(String(gradients?.get("w"))).toBe("tensor([0.1001, 0.2002], dtype=torch.bfloat16)");
});

test("a state of another rank that cannot be saved is refused by the rank and its path", async () => {
  const checkpoint = await gathered({ accuracy: { since: new Date(0) } });
  expect(() => refuseIncompleteRanks(checkpoint)).toThrow(
    /an instance of Date cannot be saved[\s\S]*where: rank 1: moduleMetrics\.accuracy\.since/,
  );
});
