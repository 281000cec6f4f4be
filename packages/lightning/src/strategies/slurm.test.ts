import { firstMachine, isMainProcess, isRankProcess, slurmVariables } from "@classifier-training/base";
import { expect, test, vi } from "vitest";
import { externalLocalWorldSize, findCluster } from "./cluster.ts";
import { selectStrategy } from "./select.ts";

/** The third task of a job of two machines with two tasks each. */
const task = {
  SLURM_JOB_ID: "1234567",
  SLURM_JOB_NAME: "train",
  SLURM_NTASKS: "4",
  SLURM_NTASKS_PER_NODE: "2",
  SLURM_NNODES: "2",
  SLURM_NODELIST: "gpu[07-08]",
  SLURM_PROCID: "2",
  SLURM_LOCALID: "0",
  SLURM_NODEID: "1",
};

test("a task that srun started knows its place, and where the ranks meet", () => {
  expect(findCluster(2, 2, task)).toEqual({
    globalRank: 2,
    worldSize: 4,
    localRank: 0,
    localWorldSize: 2,
    nodeRank: 1,
    external: true,
    master: { MASTER_ADDR: "gpu07", MASTER_PORT: "19567" },
  });
  expect(externalLocalWorldSize(2, task)).toBe(2);
  expect([isMainProcess(task), isMainProcess({ ...task, SLURM_PROCID: "0" })]).toEqual([false, true]);
});

test("devices: auto takes the job's tasks, and one device among several tasks is refused", () => {
  for (const [name, value] of Object.entries({ ...task, OMP_NUM_THREADS: "1" })) vi.stubEnv(name, value);
  const wish = { accelerator: "cpu", strategy: "auto", devices: "auto", numNodes: 2 } as const;
  const { name, worldSize, globalRank } = selectStrategy(wish);
  expect([name, worldSize, globalRank]).toEqual(["ddp", 4, 2]);
  expect(() => selectStrategy({ ...wish, devices: 1, numNodes: 1 })).toThrow("numNodes is 1, but the SLURM job has 2");
  vi.unstubAllEnvs();
});

test("options that are not the job's are refused with the job's figures", () => {
  expect(() => findCluster(4, 2, task)).toThrow(
    "devices is 4, but the SLURM job has 2 tasks a node (--ntasks-per-node=2)\n  fix: set devices: 2",
  );
  expect(() => findCluster(2, 1, task)).toThrow("fix: set numNodes: 2");
  const { SLURM_NTASKS_PER_NODE: _tasks, SLURM_NNODES: _nodes, ...vague } = task;
  expect(() => findCluster(3, 1, vague)).toThrow("the environment has 4 processes");
});

test("set variables go before derived ones, and torchrun's before SLURM's", () => {
  const given = { ...task, MASTER_ADDR: "10.0.0.9", MASTER_PORT: "4000" };
  expect(slurmVariables(given)).toMatchObject({ MASTER_ADDR: "10.0.0.9", MASTER_PORT: "4000" });
  const torchrun = { ...task, WORLD_SIZE: "2", RANK: "1", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "2" };
  expect(findCluster(2, 1, torchrun)).toMatchObject({ globalRank: 1, worldSize: 2, nodeRank: 0 });
  const { SLURM_JOB_ID: _job, ...unnumbered } = task;
  expect(slurmVariables(unnumbered)["MASTER_PORT"]).toBe("12910");
  expect(slurmVariables({ ...task, SLURM_JOB_ID: "7" })["MASTER_PORT"]).toBe("15007");
});

test("a shell in a job, and a job's only task, start their ranks themselves", () => {
  expect(isRankProcess({ ...task, SLURM_JOB_NAME: "interactive" })).toBe(false);
  expect(isRankProcess({ ...task, SLURM_JOB_NAME: "bash" })).toBe(false);
  expect(isRankProcess({ ...task, SLURM_NTASKS: "1", SLURM_PROCID: "0" })).toBe(false);
  expect(isRankProcess(task)).toBe(true);
});

test.each([
  ["host0 host1 host3", "host0"],
  ["host0,host1,host3", "host0"],
  ["host[5-9]", "host5"],
  ["host[003-009,11]", "host003"],
  ["host[5,8-9],other[1-2]", "host5"],
  ["host[7]", "host7"],
  ["a-b[1-2].x.org,c", "a-b1.x.org"],
  ["rack[1-2]node[3,5]", "rack1node3"],
  ["node-1", "node-1"],
  ["127.0.0.1", "127.0.0.1"],
])("the first machine of %s is %s", (list, first) => {
  expect(firstMachine(list)).toBe(first);
});
