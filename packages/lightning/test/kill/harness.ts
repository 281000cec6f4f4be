import { spawn } from "node:child_process";
import { existsSync, type FSWatcher, readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Rng } from "@classifier-training/base";
import { loadCheckpoint } from "../../src/index.ts";

const script = fileURLToPath(new URL("./run.ts", import.meta.url));

interface Ended {
  readonly killed: boolean;
  readonly pid: number | undefined;
  /** Milliseconds since the first training step. */
  readonly lasted: number;
}

interface Kill {
  /** Milliseconds after the first training step. */
  readonly after: number;
  /** Not at that very moment, but with the next file that is begun then. */
  readonly inSave: boolean;
}

/** Starts the training in a process of its own, and kills it when asked to. */
function start(dir: string, stepMs: number, kill: Kill | undefined, plan: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ["--conditions=classifier-source", "--import", "tsx", script, dir, String(stepMs)],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, KILL_TEST_CHILD: "1", KILL_TEST_PLAN: plan, OMP_NUM_THREADS: "1" },
      },
    );
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    let timer: NodeJS.Timeout | undefined;
    let watcher: FSWatcher | undefined;
    const killInSave = () => {
      const folder = join(dir, "checkpoints");
      if (!existsSync(folder)) child.kill("SIGKILL");
      else
        watcher = watch(folder, (_event, name) => {
          if (name?.endsWith(".tmp")) child.kill("SIGKILL");
        });
    };
    let began = performance.now();
    // The clock runs from the first training step, so that kills do not all hit the start of the process.
    child.stdout.once("data", () => {
      began = performance.now();
      if (kill !== undefined)
        timer = setTimeout(() => (kill.inSave ? killInSave() : child.kill("SIGKILL")), kill.after);
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      watcher?.close();
      const lasted = performance.now() - began;
      if (signal === "SIGKILL") resolve({ killed: true, pid: child.pid, lasted });
      else if (code === 0) resolve({ killed: false, pid: child.pid, lasted });
      else reject(new TypeError(`the training ended with ${code ?? signal}: ${stderr}`));
    });
  });
}

export interface KillReport {
  readonly kills: number;
  /** Kills that met a file half written: what is left of it lies under its temporary name. */
  readonly duringSaves: number;
  readonly checkpointsRead: number;
  /** Files that could not be read: none, if all is well. */
  readonly unreadable: readonly string[];
  /** Half-written files that are still there at the end: none, if all is well. */
  readonly leftOver: readonly string[];
  /** Milliseconds of the part that came to the end, from its first training step. */
  readonly lasted: number;
}

/**
 * Runs a training to its end, killing it up to `kills` times, at random moments and (every other time) in the first save
 * after one, and reads every checkpoint each time.
 * @param within kills come within so many milliseconds of the first step: needed where there are any
 */
export async function runWithKills(
  dir: string,
  kills: number,
  seed: number,
  { stepMs = 8, within = Number.POSITIVE_INFINITY, plan = "steps" } = {},
): Promise<KillReport> {
  const unreadable: string[] = [];
  let checkpointsRead = 0;
  let duringSaves = 0;
  let done = 0;
  const folder = join(dir, "checkpoints");
  const files = () => (existsSync(folder) ? readdirSync(folder) : []);
  for (;;) {
    const kill = done < kills ? { after: Rng.at(seed, done).uniform(0, within), inSave: done % 2 === 1 } : undefined;
    const { killed, pid, lasted } = await start(dir, stepMs, kill, plan);
    for (const name of files()) {
      if (!name.endsWith(".ckpt")) continue;
      try {
        loadCheckpoint(join(folder, name));
        checkpointsRead++;
      } catch (error) {
        unreadable.push(`${name}: ${(error as Error).message}`);
      }
    }
    const halves = files().filter((name) => name.endsWith(".tmp"));
    if (!killed) return { kills: done, duringSaves, checkpointsRead, unreadable, leftOver: halves, lasted };
    if (halves.some((name) => name.endsWith(`.${pid}.tmp`))) duringSaves++;
    done++;
  }
}

/** What must be equal in two runs. */
export function outcome(dir: string): { readonly result: string; readonly metrics: string; readonly replay: string } {
  const read = (name: string) => readFileSync(join(dir, name), "utf8");
  return { result: read("result.json"), metrics: read("metrics.csv"), replay: read("replay.jsonl") };
}

/** The lines that a training has written of what it did, process by process. */
export function progress(dir: string): readonly (readonly (readonly [what: string, step: number])[])[] {
  const parts: [string, number][][] = [];
  for (const line of readFileSync(join(dir, "progress.log"), "utf8").trim().split("\n")) {
    const [what = "", step] = line.split(" ");
    if (what === "start") parts.push([]);
    parts.at(-1)?.push([what, Number(step)]);
  }
  return parts;
}
