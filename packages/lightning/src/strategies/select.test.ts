import { isMainProcess } from "@classifier-training/base";
import { afterEach, expect, test, vi } from "vitest";
import { findCluster } from "./cluster.ts";
import { selectStrategy } from "./select.ts";

afterEach(() => vi.unstubAllEnvs());

const wish = { accelerator: "cpu", strategy: "auto", devices: "auto", numNodes: 1 } as const;

function chosen(changes: Partial<Parameters<typeof selectStrategy>[0]>): readonly [string, number, number] {
  const { name, worldSize, globalRank } = selectStrategy({ ...wish, ...changes });
  return [name, worldSize, globalRank];
}

test("several devices or machines mean ddp, under any of Lightning's names", () => {
  vi.stubEnv("OMP_NUM_THREADS", "1");
  vi.stubEnv("LOCAL_WORLD_SIZE", undefined);
  expect(chosen({})).toEqual(["single_device", 1, 0]);
  expect(chosen({ devices: 2 })).toEqual(["ddp", 2, 0]);
  for (const strategy of ["ddp", "ddp_spawn", "ddp_find_unused_parameters_true", "ddp_notebook"]) {
    expect(chosen({ devices: "3", strategy })).toEqual(["ddp", 3, 0]);
  }
  expect(chosen({ strategy: "ddp" })).toEqual(["single_device", 1, 0]);
  vi.stubEnv("MASTER_ADDR", "10.0.0.1");
  vi.stubEnv("MASTER_PORT", "29500");
  vi.stubEnv("NODE_RANK", "1");
  expect(chosen({ devices: 4, numNodes: 2 })).toEqual(["ddp", 8, 4]);
});

test("processes that were started from outside are taken as they are", () => {
  vi.stubEnv("OMP_NUM_THREADS", "1");
  vi.stubEnv("WORLD_SIZE", "4");
  vi.stubEnv("RANK", "3");
  vi.stubEnv("LOCAL_RANK", "1");
  vi.stubEnv("LOCAL_WORLD_SIZE", "2");
  expect(chosen({ numNodes: 2 })).toEqual(["ddp", 4, 3]);
  expect(() => chosen({ devices: 3 })).toThrow("the environment has 4 processes (WORLD_SIZE)");
});

test("what cannot be is refused with the way out", () => {
  expect(() => chosen({ devices: 2, strategy: "single_device" })).toThrow(
    "strategy 'single_device' contradicts devices: 2",
  );
  expect(() => chosen({ strategy: "fsdp" })).toThrow("strategy 'fsdp' is not built in");
  expect(() => chosen({ strategy: "dpp" })).toThrow("did you mean");
  expect(() => chosen({ devices: [0, 1] })).toThrow("give the number of processes: devices: 2");
  expect(() => chosen({ devices: 0 })).toThrow(
    "devices: expected a number of processes with accelerator 'cpu', received 0",
  );
  expect(() => findCluster(1, 2, {})).toThrow("MASTER_ADDR and MASTER_PORT");
  expect(() => findCluster(1, 2, { NODE_RANK: "2" })).toThrow("NODE_RANK is '2', but numNodes is 2");
});

test("the main process is known from the environment", () => {
  expect(isMainProcess({})).toBe(true);
  expect(isMainProcess({ WORLD_SIZE: "2", RANK: "0", LOCAL_RANK: "0" })).toBe(true);
  expect(isMainProcess({ WORLD_SIZE: "2", RANK: "1", LOCAL_RANK: "1" })).toBe(false);
  expect(isMainProcess({ WORLD_SIZE: "2", RANK: "1", LOCAL_RANK: "0" })).toBe(false);
  expect(isMainProcess({ NODE_RANK: "1" })).toBe(false);
});
