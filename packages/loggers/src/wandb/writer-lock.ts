import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { isProcessAlive } from "@classifier-training/base";
import { z } from "zod";

const writerSchema = z.object({ pid: z.int(), host: z.string() });

/** Notes, for as long as a run is being written, which process writes it. */
export function noteWriter(runDir: string): () => void {
  const path = join(runDir, "logs", "writer.json");
  writeFileSync(path, JSON.stringify({ pid: process.pid, host: hostname() }));
  return () => rmSync(path, { force: true });
}

/** Whether a process of this machine is still writing the run: a killed one is not. */
export function isBeingWritten(runDir: string): boolean {
  try {
    const { pid, host } = writerSchema.parse(JSON.parse(readFileSync(join(runDir, "logs", "writer.json"), "utf8")));
    return host === hostname() && isProcessAlive(pid);
  } catch {
    return false;
  }
}
