import { z } from "zod";
import { DistributedError } from "./errors.ts";

/** Where and who this process is, as torchrun says it in the environment. */
export interface RankEnvironment {
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number;
  readonly localWorldSize: number;
  readonly masterAddr: string;
  readonly masterPort: number;
  /** A launcher keeps the meeting point; else rank 0 does. */
  readonly agentStore: boolean;
  /** Tells the attempts of a launcher that restarts a run apart. */
  readonly attempt: string;
}

const whole = z.string().regex(/^\d+$/).transform(Number);

/**
 * RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, as PyTorch's `env://` reads them.
 * @throws DistributedError naming the variable that is missing or wrong
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): RankEnvironment {
  const number = (name: string, fallback?: number): number => {
    const text = env[name];
    if (text === undefined && fallback !== undefined) return fallback;
    const parsed = whole.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new DistributedError({
      code: "torch/distributed-environment",
      what: `${name} is ${text === undefined ? "not set" : `'${text}': expected an integer`}`,
      where: "the environment variables of this process",
      fix: "start the processes with torchrun, or set RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT",
    });
  };
  const rank = number("RANK");
  const worldSize = number("WORLD_SIZE");
  if (rank >= worldSize) {
    throw new DistributedError({
      code: "torch/distributed-environment",
      what: `RANK is ${rank}, but there are only ${worldSize} processes (WORLD_SIZE)`,
      fix: `RANK must be between 0 and ${worldSize - 1}`,
    });
  }
  return {
    rank,
    worldSize,
    localRank: number("LOCAL_RANK", rank),
    localWorldSize: number("LOCAL_WORLD_SIZE", worldSize),
    masterAddr: env["MASTER_ADDR"] ?? "127.0.0.1",
    masterPort: number("MASTER_PORT", 29500),
    agentStore: env["TORCHELASTIC_USE_AGENT_STORE"] === "True",
    attempt: env["TORCHELASTIC_RESTART_COUNT"] ?? "0",
  };
}
