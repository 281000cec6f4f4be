import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ProgramOptions } from "./program.ts";

const program = fileURLToPath(new URL("./program.ts", import.meta.url));

export interface Result {
  readonly rank: number;
  readonly worldSize: number;
  readonly weights: string;
  readonly first: readonly number[];
  readonly running: readonly (readonly number[])[];
  readonly metrics: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly epoch: number;
  readonly best: string;
  readonly seen: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly ms: number;
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "ddp-"));
}

/** Starts the program; the environment makes it a rank, or leaves it to launch the others. */
export function start(
  dir: string,
  options: ProgramOptions,
  env: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const begin = performance.now();
  const args = ["--conditions=classifier-source", "--import", "tsx", program, dir, JSON.stringify(options)];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, OMP_NUM_THREADS: "1", ...env },
  });
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stderr, ms: performance.now() - begin }));
  });
  return { child, ended };
}

/** Runs it to its end. @throws TypeError with its output when it fails */
export async function run(
  dir: string,
  options: ProgramOptions,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, signal, stderr } = await start(dir, options, env).ended;
  if (code !== 0) throw new TypeError(`the program ended with ${code ?? signal}:\n${stderr}`);
  return stderr;
}

export function resultOf(dir: string, rank = 0): Result {
  return JSON.parse(readFileSync(join(dir, `result-${rank}.json`), "utf8")) as Result;
}

/** Whether a process is there, zombies apart. */
export function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, "utf8"));
}
