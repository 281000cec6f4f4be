// The variables by which torchrun, SLURM and other launchers give a process its rank.

type Variables = Readonly<NodeJS.ProcessEnv>;

/** Whether torchrun, or a launcher that sets the same variables, has started this process as one rank of several. */
export function isLaunched(env: Variables): boolean {
  return env["WORLD_SIZE"] !== undefined && (env["RANK"] !== undefined || env["LOCAL_RANK"] !== undefined);
}

/** The environment with torchrun's variables, whoever has started this process: SLURM's tasks have others. */
export function rankVariables(env: Variables): Variables {
  return isLaunched(env) || !isSlurmTask(env) ? env : { ...env, ...slurmVariables(env) };
}

/** Whether somebody has started this process as one rank of several. */
export function isRankProcess(env: Variables = process.env): boolean {
  return isLaunched(rankVariables(env));
}

/** Whether this process is the one that logs, prints and writes the files of a run; known before there is a trainer. */
export function isMainProcess(environment: Variables = process.env): boolean {
  const env = rankVariables(environment);
  if (isLaunched(env) && env["RANK"] !== undefined) return env["RANK"] === "0";
  return [env["LOCAL_RANK"], env["NODE_RANK"]].every((rank) => rank === undefined || rank === "0");
}

/** The rank of this process as a log names it. */
export function rankName(environment: Variables = process.env): string {
  const { RANK, NODE_RANK, LOCAL_RANK } = rankVariables(environment);
  return RANK ?? NODE_RANK ?? LOCAL_RANK ?? "?";
}

/** How many processes of a run share this machine. */
export function localProcessCount(environment: Variables = process.env): number {
  return Math.max(1, Number(environment["LOCAL_WORLD_SIZE"] ?? 1));
}

/** Where the ranks meet when neither MASTER_PORT nor a job's number says it. */
const defaultPort = 12910;

/**
 * Whether `srun` has started this process as one of several tasks. A job that is called `bash` or `interactive` is a
 * shell, from which processes are started in other ways; and the only task of a job starts the other ranks itself.
 */
function isSlurmTask(env: Variables): boolean {
  const isShell = ["bash", "interactive"].includes(env["SLURM_JOB_NAME"] ?? "");
  return !isShell && env["SLURM_PROCID"] !== undefined && Number(env["SLURM_NTASKS"] ?? 1) > 1;
}

/**
 * What SLURM says of a task, under torchrun's names. MASTER_ADDR and MASTER_PORT are as they are set, and else the job's
 * first machine and a port that all of its tasks derive from its number (15000 and its last four digits).
 */
export function slurmVariables(env: Variables): Record<string, string> {
  const { SLURM_NTASKS = "1", SLURM_NTASKS_PER_NODE: perNode, SLURM_NNODES, SLURM_JOB_NUM_NODES } = env;
  const nodes = Number(SLURM_NNODES ?? SLURM_JOB_NUM_NODES ?? 1);
  const job = /\d{1,4}$/.exec(env["SLURM_JOB_ID"] ?? "")?.[0];
  return {
    WORLD_SIZE: SLURM_NTASKS,
    RANK: env["SLURM_PROCID"] ?? "0",
    LOCAL_RANK: env["SLURM_LOCALID"] ?? "0",
    NODE_RANK: env["SLURM_NODEID"] ?? "0",
    LOCAL_WORLD_SIZE: perNode ?? String(Math.max(1, Math.floor(Number(SLURM_NTASKS) / nodes))),
    MASTER_ADDR: env["MASTER_ADDR"] ?? firstMachine(nodeList(env)),
    MASTER_PORT: env["MASTER_PORT"] ?? String(job === undefined ? defaultPort : 15000 + Number(job)),
  };
}

function nodeList(env: Variables): string {
  return env["SLURM_NODELIST"] ?? env["SLURM_JOB_NODELIST"] ?? env["SLURM_STEP_NODELIST"] ?? "127.0.0.1";
}

/**
 * The first machine of a list as SLURM writes it: `a,b`, `a b`, `node[01-04,7].local`, `rack[1-2]node[3,5]`.
 */
export function firstMachine(list: string): string {
  // A comma within brackets separates numbers.
  const [first = list] = list.trim().split(/[\s,]+(?![^[\]]*\])/);
  return first.replace(/\[([^\],-]*)[^\]]*\]/g, "$1");
}
