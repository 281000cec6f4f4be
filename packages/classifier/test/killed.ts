import { spawn } from "node:child_process";
import { once } from "node:events";

/** Runs a module of the sources in a process of its own, and expects that it kills itself. */
export async function runKilled(source: string): Promise<void> {
  const child = spawn(
    process.execPath,
    ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), "--input-type=module", "-e", source],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== "SIGKILL") throw new Error(`the process ended with ${signal ?? "no signal"}`);
}
