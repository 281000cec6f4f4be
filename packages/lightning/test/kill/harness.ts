import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Rng } from "@classifier-training/base";
import { loadCheckpoint } from "../../src/index.ts";

const script = fileURLToPath(new URL("./run.ts", import.meta.url));

/** Starts the training in a process of its own; `kill` ends it after so many milliseconds. */
function start(dir: string, stepMs: number, kill: number | undefined): Promise<{ readonly killed: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ["--conditions=classifier-source", "--import", "tsx", script, dir, String(stepMs)],
      { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, KILL_TEST_CHILD: "1", OMP_NUM_THREADS: "1" } },
    );
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    let timer: NodeJS.Timeout | undefined;
    // The clock runs from the first training step, so that kills do not all hit the start of the process.
    child.stdout.once("data", () => {
      if (kill !== undefined) timer = setTimeout(() => child.kill("SIGKILL"), kill);
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (signal === "SIGKILL") resolve({ killed: true });
      else if (code === 0) resolve({ killed: false });
      else reject(new TypeError(`the training ended with ${code ?? signal}: ${stderr}`));
    });
  });
}

export interface KillReport {
  readonly kills: number;
  readonly checkpointsRead: number;
  /** Files that could not be read: none, if all is well. */
  readonly unreadable: readonly string[];
}

/** Runs a training to its end, killing it at random moments up to `kills` times, and reads every checkpoint each time. */
export async function runWithKills(dir: string, kills: number, seed: number, stepMs = 8): Promise<KillReport> {
  const unreadable: string[] = [];
  let checkpointsRead = 0;
  let done = 0;
  for (;;) {
    const kill = done < kills ? Rng.at(seed, done).uniform(0, 1800) : undefined;
    const { killed } = await start(dir, stepMs, kill);
    const folder = join(dir, "checkpoints");
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      if (!name.endsWith(".ckpt")) continue;
      try {
        loadCheckpoint(join(folder, name));
        checkpointsRead++;
      } catch (error) {
        unreadable.push(`${name}: ${(error as Error).message}`);
      }
    }
    if (!killed) return { kills: done, checkpointsRead, unreadable };
    done++;
  }
}

/** What must be equal in two runs. */
export function outcome(dir: string): { readonly result: string; readonly metrics: string; readonly replay: string } {
  const read = (name: string) => readFileSync(join(dir, name), "utf8");
  return { result: read("result.json"), metrics: read("metrics.csv"), replay: read("replay.jsonl") };
}
