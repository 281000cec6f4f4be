import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeSynthetic } from "@classifier-training/jersey";

const program = fileURLToPath(new URL("../bin/classifier.js", import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A working directory of its own, with a small dataset of drawn numbers in `data/`. */
export async function workspace(
  labels = ["1", "7", "23"],
  perClass = { train: 16, valid: 6 },
): Promise<{ dir: string; remove: () => void }> {
  const dir = mkdtempSync(join(tmpdir(), "classifier-cli-"));
  for (const split of ["train", "valid"] as const) {
    const requests = labels.flatMap((label) => Array.from({ length: perClass[split] }, () => ({ label })));
    await writeSynthetic(requests, {
      folder: join(dir, "data", split),
      seed: 3,
      stream: split,
      size: 40,
      strength: 0.2,
    });
  }
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Overrides of a training that takes seconds: a narrow network, tiny images, float32, no loader threads, no tracker. */
export const quick = [
  "data.data_root=data",
  "model.pretrained=false",
  "model.width=16",
  "data.image_size=32",
  "data.batch_size=8",
  "data.num_workers=0",
  "trainer.precision=32-true",
  "logging=none",
  "callbacks.early_stopping=null",
];

interface StartOptions {
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export function start(args: readonly string[], cwd: string, nodeOptions: readonly string[] = []): Started {
  return startProgram(program, args, cwd, { nodeOptions });
}

interface Started {
  readonly process: ChildProcess;
  readonly done: Promise<CliResult>;
}

/** Starts the command line of an installation. */
export function startProgram(
  path: string,
  args: readonly string[],
  cwd: string,
  { nodeOptions = [], env = {} }: StartOptions = {},
): Started {
  const child = spawn(process.execPath, [...nodeOptions, path, ...args], {
    cwd,
    env: { ...process.env, OMP_NUM_THREADS: "1", ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const done = new Promise<CliResult>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { process: child, done };
}

/** Runs the real command line to its end. */
export function classifier(
  args: readonly string[],
  cwd: string,
  nodeOptions: readonly string[] = [],
): Promise<CliResult> {
  return start(args, cwd, nodeOptions).done;
}
