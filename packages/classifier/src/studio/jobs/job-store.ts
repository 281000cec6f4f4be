import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@classifier-training/base";
import { type JobOptions, jobKinds } from "@classifier-training/dashboard";
import { z } from "zod";

const recordSchema = z.looseObject({
  id: z.string().regex(/^[\w-]+$/),
  kind: z.enum(jobKinds),
  options: z.custom<JobOptions>((value) => typeof value === "object" && value !== null),
  /** Words of the command line. */
  words: z.array(z.string()),
  status: z.enum(["queued", "running", "done", "failed", "canceled", "stopped"]),
  pid: z.int().optional(),
  createdAt: z.string(),
  startedAt: z.string().optional(),
  finishedAt: z.string().optional(),
  problem: z.object({ what: z.string(), fix: z.string().optional() }).optional(),
  /** Of a training: its run's key. */
  run: z.string().optional(),
  /** What the data was when it began. */
  dataVersion: z.string().optional(),
});

/** What is kept of a job: `job.json` in its folder. */
export type JobRecord = z.infer<typeof recordSchema>;

/** Finished jobs that are kept. */
const mostKept = 60;

/** The jobs of a data folder on disk: a folder each, with its record, its log and its result. */
export class JobStore {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** @returns the jobs that were kept, the oldest first; what cannot be read is left out */
  read(): JobRecord[] {
    if (!existsSync(this.folder)) return [];
    const jobs = readdirSync(this.folder).flatMap((name) => {
      try {
        const job = recordSchema.parse(JSON.parse(readFileSync(this.#record(name), "utf8")));
        return job.id === name ? [job] : [];
      } catch {
        return [];
      }
    });
    return jobs.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  write(job: JobRecord): void {
    mkdirSync(this.#of(job.id), { recursive: true });
    writeFileAtomic(this.#record(job.id), `${JSON.stringify(job, null, 2)}\n`);
  }

  remove(id: string): void {
    rmSync(this.#of(id), { recursive: true, force: true });
  }

  /** The jobs that there is no room for any more: the oldest of those that have ended. */
  surplus(jobs: readonly JobRecord[]): readonly JobRecord[] {
    const ended = jobs.filter(({ finishedAt }) => finishedAt !== undefined);
    return ended.slice(0, Math.max(0, ended.length - mostKept));
  }

  log(id: string): string {
    return join(this.#of(id), "log.txt");
  }

  /** What the command writes with `--json`. */
  result(id: string): string {
    return join(this.#of(id), "result.json");
  }

  bundle(id: string): string {
    return join(this.#of(id), "bundle");
  }

  #of(id: string): string {
    return join(this.folder, id);
  }

  #record(id: string): string {
    return join(this.#of(id), "job.json");
  }
}
