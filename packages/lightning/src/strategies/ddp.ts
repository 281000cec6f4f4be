import { availableParallelism } from "node:os";
import { parseOptions, setLogLevel } from "@classifier-training/base";
import { distributed, fromTypedArray, type nn, setNumThreads, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { durationSchema, durationSeconds } from "../utilities/duration.ts";
import { LightningError } from "../utilities/errors.ts";
import type { Cluster } from "./cluster.ts";
import { averageGradients, broadcastTensors } from "./gradient-buckets.ts";
import { followLauncher, freePort, Launcher } from "./launcher.ts";
import type { Strategy } from "./strategy.ts";

export const ddpOptionsSchema = z.strictObject({
  /** By default nccl on CUDA devices, and gloo elsewhere. */
  processGroupBackend: z.enum(["gloo", "nccl"]).nullable().default(null),
  /** How long to wait for another rank, at the start and in each operation: seconds, `DD:HH:MM:SS` or `{ minutes: 5 }`. */
  timeout: z.union([z.number().positive(), durationSchema.transform(durationSeconds)]).default(1800),
  /** After how many seconds of waiting a rank says for whom it waits. */
  heartbeat: z.number().positive().default(30),
  /** Accepted for compatibility: parameters that a rank did not use are always seen to. */
  findUnusedParameters: z.boolean().default(false),
  /** Accepted for compatibility: they change PyTorch's memory and overlap, not the result. */
  gradientAsBucketView: z.boolean().default(false),
  staticGraph: z.boolean().default(false),
});
export type DDPOptions = z.input<typeof ddpOptionsSchema>;

/** The group of this process outlives a trainer: a later `test()` of the same program needs it too. */
let launcher: Launcher | undefined;

/** What `launch` and `planThreads` have put into the environment. */
const added = new Set<string>();

function addVariable(name: string, value: string): void {
  if (process.env[name] !== undefined) return;
  process.env[name] = value;
  added.add(name);
}

/** Leaves the group of the ranks that this process has started, if it has: a trainer that comes later starts its own. */
export function leaveRanks(): void {
  if (launcher === undefined) return;
  launcher.dismiss();
  launcher = undefined;
  distributed.destroyProcessGroup();
  for (const name of added) delete process.env[name];
  added.clear();
}

/** Data-parallel training: one process a device, each with its shard of the data, all with the same weights. */
export class DDPStrategy implements Strategy {
  readonly name = "ddp";
  readonly options: z.infer<typeof ddpOptionsSchema>;
  #cluster: Cluster | undefined;
  #rootDevice = "cpu";
  #abandoned = false;

  constructor(options: DDPOptions = {}) {
    this.options = parseOptions("DDPStrategy", ddpOptionsSchema, options);
  }

  /** Called by the trainer, which knows devices and machines. */
  configure(cluster: Cluster, rootDevice: string): void {
    this.#cluster = cluster;
    this.#rootDevice = rootDevice;
    if (cluster.globalRank > 0) setLogLevel("WARNING");
    planThreads(cluster, rootDevice);
  }

  get #place(): Cluster {
    if (this.#cluster !== undefined) return this.#cluster;
    throw new LightningError({ code: "lightning/strategy", what: "the strategy is not attached to a Trainer" });
  }

  get rootDevice(): string {
    return this.#rootDevice;
  }

  get worldSize(): number {
    return this.#place.worldSize;
  }

  get globalRank(): number {
    return this.#place.globalRank;
  }

  get localRank(): number {
    return this.#place.localRank;
  }

  async connect(): Promise<void> {
    const cluster = this.#place;
    if (launcher !== undefined) launcher.running = true;
    if (distributed.isInitialized()) {
      if (distributed.getWorldSize() === cluster.worldSize) return;
      throw new LightningError({
        code: "lightning/strategy",
        what: `expected ${cluster.worldSize} processes, received ${distributed.getWorldSize()}: the program runs in these already`,
        fix: "use the same devices and numNodes in all trainers of one program",
      });
    }
    const backend = this.options.processGroupBackend ?? (this.#rootDevice.startsWith("cuda") ? "nccl" : "gloo");
    distributed.requireBackend(backend);
    followLauncher();
    if (!cluster.external) await launch(cluster);
    Object.assign(process.env, cluster.master);
    await this.#namingTheFailedRank(() =>
      distributed.initProcessGroup({
        backend,
        rank: cluster.globalRank,
        worldSize: cluster.worldSize,
        timeoutS: this.options.timeout,
        heartbeatS: this.options.heartbeat,
      }),
    );
  }

  async setup(module: nn.AnyModule): Promise<void> {
    if (this.#rootDevice !== "cpu") module.to({ device: this.#rootDevice });
    await this.#namingTheFailedRank(() => broadcastTensors([...module.parameters(), ...module.buffers()]));
  }

  async reduceGradients(parameters: readonly Tensor[]): Promise<void> {
    if (!this.#abandoned) await this.#namingTheFailedRank(() => averageGradients(parameters, this.worldSize));
  }

  /**
   * The statistics of batch norm become rank 0's, as in PyTorch; at each batch, also of those whose gradients add up, so
   * that moving averages of the weights are the same on all ranks.
   */
  async synchronizeBuffers(module: nn.AnyModule): Promise<void> {
    if (!this.#abandoned) await this.#namingTheFailedRank(() => broadcastTensors([...module.buffers()]));
  }

  async allGather<T>(value: T): Promise<readonly T[]> {
    if (this.#abandoned) return [value];
    return this.#namingTheFailedRank(() => distributed.allGatherObject(value));
  }

  async anyOf(flags: readonly boolean[]): Promise<readonly boolean[]> {
    if (this.#abandoned) return flags;
    const tensor = fromTypedArray(Int32Array.from(flags, Number), [flags.length]);
    await this.#namingTheFailedRank(() => distributed.allReduce(tensor, "max"));
    const answers = tensor.toArray().map(Boolean);
    tensor.dispose();
    return answers;
  }

  reduceDecision(decision: boolean, mode: "all" | "any"): boolean {
    if (this.#abandoned) return decision;
    const tensor = fromTypedArray(Int32Array.of(Number(decision)), [1]);
    distributed.allReduceSync(tensor, mode === "all" ? "min" : "max");
    const answer = tensor.item() === 1;
    tensor.dispose();
    return answer;
  }

  async barrier(_name: string): Promise<void> {
    if (!this.#abandoned) await this.#namingTheFailedRank(() => distributed.barrier());
  }

  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    distributed.abandonProcessGroup();
    launcher?.end();
  }

  expectEnd(): void {
    launcher?.expectEnd();
  }

  /** The group stays: what follows may need it, and its end must not wait for what rank 0 does alone. */
  async teardown(): Promise<void> {
    await this.barrier("teardown");
    if (launcher !== undefined) launcher.running = false;
  }

  /** A lost connection says little; the launcher knows more, a moment later. */
  async #namingTheFailedRank<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      for (let waited = 0; launcher !== undefined && launcher.failure === undefined && waited < 4000; waited += 50) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const failure = launcher?.failure;
      if (failure === undefined) throw error;
      throw new LightningError({
        code: "lightning/rank-failed",
        what: `${failure.text}, and the run cannot continue without it`,
        fix: "its own output says why (killed: out of memory?). Fix the cause and rerun the same command: training resumes from the last checkpoint",
        cause: error,
      });
    }
  }
}

/** Starts the other ranks of this machine; this one is its first. */
async function launch(cluster: Cluster): Promise<void> {
  addVariable("MASTER_ADDR", "127.0.0.1");
  addVariable("MASTER_PORT", String(await freePort()));
  if (cluster.localWorldSize === 1) return;
  launcher = new Launcher(cluster, {
    WORLD_SIZE: String(cluster.worldSize),
    LOCAL_WORLD_SIZE: String(cluster.localWorldSize),
    NODE_RANK: String(cluster.nodeRank),
  });
}

/** The processes of a machine share its cores; loader workers are counted by LOCAL_WORLD_SIZE. */
function planThreads({ localWorldSize }: Cluster, rootDevice: string): void {
  addVariable("LOCAL_WORLD_SIZE", String(localWorldSize));
  if (rootDevice !== "cpu" || process.env["OMP_NUM_THREADS"] !== undefined) return;
  setNumThreads(Math.max(1, Math.floor(availableParallelism() / localWorldSize)));
}
