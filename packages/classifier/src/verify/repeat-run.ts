import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CtError, Rng, scratchFolder } from "@classifier-training/base";
import { DictConfig, load, select, textOverride } from "@classifier-training/hydra";
import { checkReproducibility, type ReproducibilityCheck, readDeterminismLog } from "@classifier-training/lightning";
import { runPaths } from "@classifier-training/runs";
import type { NamedRun } from "../training/named-run.ts";

export interface VerifyOptions {
  /** Repeat up to this optimizer step. */
  readonly steps: number;
  /** Kill the repetition once, at a random time, and resume it. */
  readonly kill: boolean;
}

const program = fileURLToPath(new URL("../../bin/classifier.js", import.meta.url));

/**
 * Repeats the beginning of a run in a process of its own and compares its determinism log with the run's.
 * @throws CtError when the run has no determinism log, did not start from scratch, or cannot be repeated
 */
export async function repeatRun(run: NamedRun, { steps, kill }: VerifyOptions): Promise<ReproducibilityCheck> {
  const determinismLog = join(run.dir, runPaths.determinismLog);
  const scratch = scratchFolder("verify");
  try {
    return await checkReproducibility(determinismLog, async () => {
      const wanted = readDeterminismLog(determinismLog).filter(({ step }) => step <= steps);
      const last = wanted.at(-1)?.step;
      if (last === undefined) {
        throw new CtError({
          code: "verify/window",
          what: `the determinism log has no line up to step ${steps}`,
          where: determinismLog,
          fix: "repeat more steps with --steps",
        });
      }
      const args = ["train", ...run.configArguments, ...overrides(run.dir, scratch, last)];
      if (!kill || (await killOnce(args))) await finish(start(args));
      return join(scratch, "run", runPaths.determinismLog);
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The same run in another folder, with the same numbers of compute threads, without loggers and export. */
function overrides(run: string, scratch: string, steps: number): string[] {
  const loggers = select(load(join(run, runPaths.config)), "logging");
  return [
    textOverride("hydra.run.dir", join(scratch, "run")),
    textOverride("callbacks.model_checkpoint.dirpath", join(scratch, runPaths.checkpoints)),
    textOverride("callbacks.replay.path", join(scratch, "run", runPaths.determinismLog)),
    textOverride("++callbacks.replay.threads_of", resolve(run, runPaths.determinismLog)),
    "++callbacks.onnx_export=null",
    // Not by the clock of now.
    "++callbacks.fit_to_time=null",
    // `logging` itself is a group, and the saved configuration has no defaults list to choose from.
    ...(loggers instanceof DictConfig ? [...loggers.keys()].map((name) => `~logging.${name}`) : []),
    `++trainer.max_steps=${steps}`,
  ];
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
}

/** @returns false when it had ended before */
async function killOnce(args: readonly string[]): Promise<boolean> {
  const child = start(args);
  child.stderr?.resume();
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  await Promise.race([ended, sleep(Rng.at(Date.now()).uniform(4000, 12_000))]);
  child.kill("SIGKILL");
  return (await ended) !== 0;
}

async function finish(child: ChildProcess): Promise<void> {
  let text = "";
  child.stderr?.on("data", (chunk) => {
    text = (text + chunk).slice(-4000);
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  if (code === 0) return;
  throw new CtError({
    code: "verify/repeat",
    what: `the repetition failed:\n${text.trim().split("\n").slice(-6).join("\n")}`,
    fix: "run the command from the folder that the run was started in",
  });
}
