import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { CtError, getLogger, maskArgument, maskText, parseOptions, writeFileAtomic } from "@classifier-training/base";
import { runPaths } from "./names.ts";
import { type RunRecord, type RunRecordInput, runRecordSchema } from "./run-record.ts";

const log = getLogger("runs");

/** Keeps a run directory's `run.json` up to date; every write is atomic. */
export class RunWriter {
  readonly dir: string;
  /** How the run stood that the directory held before; undefined when it held none. */
  readonly statusBefore: RunRecord["status"] | undefined;
  #record: RunRecord;
  #isReported = false;

  private constructor(dir: string, record: RunRecord, statusBefore: RunRecord["status"] | undefined) {
    this.dir = dir;
    this.statusBefore = statusBefore;
    this.#record = record;
  }

  /**
   * Starts the record of a run in `dir`, or takes up the one that is there (a resumed run keeps its id and start).
   * @throws CtError `runs/record` when the fields given are not valid.
   */
  static open(dir: string, fields: Partial<RunRecordInput> = {}): RunWriter {
    mkdirSync(dir, { recursive: true });
    const kept = existing(join(dir, runPaths.record));
    const { host, pid, command, cwd, ...fresh } = newRecord(dir);
    const record = parse({
      ...fresh,
      ...kept,
      host,
      pid,
      command,
      cwd,
      ...fields,
      status: "running",
      claim: undefined,
      finishedAt: undefined,
      error: undefined,
    });
    const writer = new RunWriter(dir, record, kept.status);
    writer.#write();
    return writer;
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** A record that cannot be written (a full disk) is a warning, the first time: the run does not depend on it. */
  update(fields: Partial<RunRecordInput>): void {
    this.#record = parse({ ...this.#record, ...fields });
    try {
      this.#write();
    } catch (error) {
      if (!this.#isReported) log.warning(`the record of the run is out of date: ${(error as Error).message}`);
      this.#isReported = true;
    }
  }

  finish(status: Exclude<RunRecord["status"], "running">, error?: string): void {
    this.update({
      status,
      finishedAt: new Date().toISOString(),
      ...(error !== undefined && { error: maskText(error) }),
    });
  }

  #write(): void {
    writeFileAtomic(join(this.dir, runPaths.record), `${JSON.stringify(this.#record, null, 2)}\n`);
  }
}

/** The record of a run that begins in a directory, by this process. */
export function newRecord(dir: string): RunRecord {
  const absolute = resolve(dir);
  const name = join(basename(dirname(absolute)), basename(absolute));
  return runRecordSchema.parse({
    // Its folder is for people to read; the rest makes it unique.
    id: `${name.replaceAll(/[^\w.-]+/g, "-")}-${randomBytes(4).toString("hex")}`,
    name,
    startedAt: new Date().toISOString(),
    host: hostname(),
    pid: process.pid,
    command: process.argv.slice(1).map(maskArgument),
    cwd: process.cwd(),
  });
}

function existing(path: string): Partial<RunRecordInput> {
  if (!existsSync(path)) return {};
  try {
    const parsed = runRecordSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? parsed.data : {};
  } catch {
    return {};
  }
}

function parse(fields: Partial<RunRecordInput>): RunRecord {
  return parseOptions("", runRecordSchema, fields, (problem) => {
    return new CtError({ code: "runs/record", ...problem, where: runPaths.record });
  });
}
