import { writeFileSync } from "node:fs";
import { distributed, fromTypedArray, full, tensor, version } from "../src/index.ts";
import { normalize, shards } from "./batch-norm-probe.ts";

// One rank of the groups of distributed.test.ts: `rank-probe.ts RANK WORLD_SIZE INIT_METHOD WHAT OUT`.
const [rankText = "0", sizeText = "1", initMethod = "", what = "", out = ""] = process.argv.slice(2);
const rank = Number(rankText);
const worldSize = Number(sizeText);
const said: Record<string, unknown> = { rank, version: version() };

async function collectives(): Promise<void> {
  const own = () => tensor([rank + 1, 1 - rank]);
  for (const op of ["sum", "avg", "min", "max"] as const) {
    const [a, b] = [own(), own()];
    await distributed.allReduce(a, op);
    distributed.allReduceSync(b, op);
    said[op] = [a.tolist(), b.tolist()];
  }
  const sent = full([2, 2], rank + 0.5, { dtype: "float64" });
  await distributed.broadcast(sent, 1);
  said["broadcast"] = sent.tolist();
  const whole = fromTypedArray(BigInt64Array.of(BigInt(rank)), [1]);
  said["allGather"] = (await distributed.allGather(whole)).map((each) => each.tolist());
  said["objects"] = await distributed.allGatherObject({ rank, text: "x".repeat(rank), data: Float64Array.of(rank) });
  // Begun together, each ends with its own.
  const many = Array.from({ length: 8 }, (_, i) => full([1000], i + rank));
  await Promise.all(many.map((each) => distributed.allReduce(each)));
  said["many"] = many.map((each) => each.sum().item() / 1000);
  let turns = 0;
  const ticking = setInterval(() => turns++, 5);
  if (rank === 1) await new Promise((resolve) => setTimeout(resolve, 300));
  await distributed.barrier();
  clearInterval(ticking);
  said["eventLoopRan"] = turns > 3;
  said["layout"] = errorOf(() => distributed.allReduceSync(full([3, 2], 1).t()));
}

async function lostPeer(): Promise<void> {
  if (rank === 1) process.kill(process.pid, "SIGKILL");
  const begin = performance.now();
  said["error"] = await distributed.allReduce(tensor([1])).then(
    () => "",
    (error: Error) => error.message,
  );
  said["again"] = errorOf(() => distributed.allReduceSync(tensor([1])));
  said["seconds"] = (performance.now() - begin) / 1000;
}

async function latePeer(): Promise<void> {
  if (rank === 1) await new Promise((resolve) => setTimeout(resolve, 12_000));
  else said["error"] = errorOf(() => distributed.allReduceSync(tensor([1])));
}

function batchNorm(): void {
  const from = shards.slice(0, rank).reduce((sum, size) => sum + size, 0);
  const count = shards[rank] as number;
  said["images"] = normalize(from, count, [3, 4, 2], false, true);
  said["features"] = normalize(from, count, [3], false, true);
  said["activated"] = normalize(from, count, [3, 4, 2], true, true);
}

function errorOf(run: () => void): string {
  try {
    run();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

const timeoutS = what === "late" ? 8 : 120;
const given = initMethod === "env://" ? {} : { rank, worldSize };
await distributed.initProcessGroup({ initMethod, timeoutS, ...given });
said["group"] = [distributed.getRank(), distributed.getWorldSize()];
if (what === "collectives") await collectives();
else if (what === "batchNorm") batchNorm();
else if (what === "lost") await lostPeer();
else if (what === "late") await latePeer();
if (what === "collectives") distributed.destroyProcessGroup();
writeFileSync(out, JSON.stringify(said));
