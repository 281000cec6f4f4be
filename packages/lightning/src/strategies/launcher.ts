import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { constants } from "node:os";
import { getLogger } from "@classifier-training/base";
import type { Cluster } from "./cluster.ts";

const log = getLogger("lightning.launcher");

/** Set for the processes that a launcher started. */
const launcherVariable = "CT_LAUNCHED_BY";
/** How long this process has to end in its own way after another rank has failed. */
const graceMs = 5000;
/** A job may change the working directory, and the other ranks start where this one did. */
const startDirectory = process.cwd();

let rankCommand: (() => readonly string[]) | undefined;

/**
 * What the other ranks run in place of this process's own command line, asked for when they are started; they then start
 * in the working directory of that moment. For a program that runs one job after the other.
 */
export function setRankCommand(command: (() => readonly string[]) | undefined): void {
  rankCommand = command;
}

export interface RankFailure {
  readonly rank: number;
  readonly exitCode: number;
  readonly text: string;
}

/** The other ranks of this machine: the same program once more for each, ended when one of them fails or this one ends. */
export class Launcher {
  readonly #children: ChildProcess[] = [];
  #failure: RankFailure | undefined;
  #endExpected = false;
  #dismissed = false;
  /** Between runs a rank that ends harms nobody yet. */
  running = true;

  constructor(cluster: Cluster, environment: Readonly<Record<string, string>>) {
    for (let localRank = 1; localRank < cluster.localWorldSize; localRank++) {
      const rank = cluster.globalRank + localRank;
      this.#children.push(this.#start(rank, { ...environment, RANK: String(rank), LOCAL_RANK: String(localRank) }));
    }
    process.on("exit", () => {
      for (const child of this.#children) if (isRunning(child)) child.kill("SIGKILL");
      if (this.#failure !== undefined) process.exitCode = this.#failure.exitCode;
    });
  }

  /** The rank that ended before its time. */
  get failure(): RankFailure | undefined {
    return this.#failure;
  }

  #start(rank: number, environment: Readonly<Record<string, string>>): ChildProcess {
    const command = rankCommand?.();
    const child = spawn(process.execPath, [...process.execArgv, ...(command ?? process.argv.slice(1))], {
      cwd: command === undefined ? startDirectory : process.cwd(),
      env: { ...process.env, ...environment, [launcherVariable]: String(process.pid) },
      // The channel tells the child when this process is gone, even killed.
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child.on("error", (error) =>
      this.#failed({ rank, exitCode: 1, text: `rank ${rank} could not be started: ${error.message}` }),
    );
    child.on("exit", (code, signal) => {
      if (this.#endExpected || code === 0) return;
      const exitCode = code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
      const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
      this.#failed({ rank, exitCode, text: `rank ${rank} (process ${child.pid}) ${how}` });
    });
    return child;
  }

  #failed(failure: RankFailure): void {
    if (this.#failure !== undefined) return;
    if (!this.running) {
      log.warning(`${failure.text}, after the run`);
      return;
    }
    this.#failure = failure;
    log.error(`${failure.text}: ending the other ranks`);
    this.end();
    setTimeout(() => {
      if (!this.#dismissed) process.exit(failure.exitCode);
    }, graceMs).unref();
  }

  /** From now on a rank may end without that being a failure. */
  expectEnd(): void {
    this.#endExpected = true;
  }

  /** The run is over for this process: the ranks end by themselves, and how they end does not matter to what follows. */
  dismiss(): void {
    this.#dismissed = true;
    this.#endExpected = true;
  }

  /** Ends the ranks that still run: with SIGTERM, and with SIGKILL when that does not help. */
  end(): void {
    this.#endExpected = true;
    const running = this.#children.filter(isRunning);
    for (const child of running) child.kill("SIGTERM");
    setTimeout(() => {
      for (const child of running) if (isRunning(child)) child.kill("SIGKILL");
    }, graceMs / 2).unref();
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** In a process that a launcher started: ends it when the launcher's process has ended. */
export function followLauncher(): void {
  if (process.env[launcherVariable] === undefined || process.channel === undefined) return;
  const end = () => {
    log.error("the process that started this rank has ended: ending too");
    process.exit(1);
  };
  if (!process.connected) end();
  process.once("disconnect", end);
  process.channel?.unref();
}

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 29500));
    });
  });
}
