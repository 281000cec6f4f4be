import { execFileSync, type StdioOptions } from "node:child_process";
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { cpus, hostname, platform, release, totalmem, userInfo } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { maskArgument } from "@classifier-training/base";

export interface GitState {
  readonly root: string;
  readonly remote?: string | undefined;
  readonly commit: string;
  /** The uncommitted changes of tracked files, as a patch; empty when there are none. */
  readonly diff: () => string;
}

/** The git state of the working directory; `undefined` outside a repository or without git. */
export function gitState(cwd = process.cwd()): GitState | undefined {
  const git = (...args: string[]) => {
    try {
      const stdio: StdioOptions = ["ignore", "pipe", "ignore"];
      return execFileSync("git", args, { cwd, encoding: "utf8", timeout: 10_000, maxBuffer: 2 ** 26, stdio });
    } catch {
      return undefined;
    }
  };
  const root = git("rev-parse", "--show-toplevel")?.trim();
  const commit = root === undefined ? undefined : git("rev-parse", "HEAD")?.trim();
  if (root === undefined || commit === undefined) return undefined;
  const remote = git("config", "--get", "remote.origin.url")?.trim();
  const diff = () => git("diff", "--submodule=diff", "HEAD") ?? "";
  return { root, commit, remote: remote === undefined ? undefined : withoutCredentials(remote), diff };
}

/** A remote's address without user name and password. */
export function withoutCredentials(remote: string): string {
  return remote.replace(/^(\w+:\/\/)[^/@]*@/, "$1");
}

export interface Metadata {
  readonly os: string;
  readonly python: string;
  readonly startedAt: string;
  readonly args: readonly string[];
  readonly program: string;
  readonly codePath?: string;
  readonly git?: { readonly remote?: string; readonly commit: string };
  readonly root: string;
  readonly host: string;
  readonly username: string;
  readonly executable: string;
  readonly cpu_count: number;
  readonly cpu_count_logical: number;
  readonly disk: Readonly<Record<string, { readonly total: string; readonly used: string }>>;
  readonly memory: { readonly total: string };
}

/** What `wandb-metadata.json` says of the machine and the command. */
export function runMetadata(startedAtMs: number, git: GitState | undefined): Metadata {
  const program = process.argv[1] ?? "node";
  const codePath = git === undefined ? undefined : relative(git.root, resolve(program));
  return {
    os: `${platform()}-${release()}`,
    python: `Node.js ${process.version}`,
    startedAt: new Date(startedAtMs).toISOString(),
    args: process.argv.slice(2).map(maskArgument),
    program,
    ...(codePath !== undefined && !codePath.startsWith("..") && { codePath }),
    ...(git !== undefined && { git: { ...(git.remote !== undefined && { remote: git.remote }), commit: git.commit } }),
    root: process.cwd(),
    host: hostname(),
    username: userName(),
    executable: process.execPath,
    cpu_count: physicalCores(),
    cpu_count_logical: cpus().length,
    disk: { "/": diskUse() },
    memory: { total: String(totalmem()) },
  };
}

/** The packages that the working directory has installed, `name==version` a line. */
export function installedPackages(cwd = process.cwd()): string {
  for (let dir = cwd; ; dir = dirname(dir)) {
    const path = join(dir, "package-lock.json");
    if (existsSync(path)) return lockedPackages(readFileSync(path, "utf8"));
    if (dir === dirname(dir)) return "";
  }
}

function lockedPackages(lockText: string): string {
  try {
    const { packages = {} } = JSON.parse(lockText) as {
      packages?: Record<string, { version?: string; link?: boolean }>;
    };
    const lines = Object.entries(packages).flatMap(([path, { version, link }]) => {
      const name = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
      return name === undefined || version === undefined || link === true ? [] : [`${name}==${version}`];
    });
    return `${[...new Set(lines)].sort().join("\n")}\n`;
  } catch {
    return "";
  }
}

function physicalCores(): number {
  try {
    const ids = new Set<string>();
    for (const block of readFileSync("/proc/cpuinfo", "utf8").split("\n\n")) {
      const core = /^core id\s*:\s*(\d+)/m.exec(block)?.[1];
      if (core !== undefined) ids.add(`${/^physical id\s*:\s*(\d+)/m.exec(block)?.[1]}/${core}`);
    }
    return ids.size || cpus().length;
  } catch {
    return cpus().length;
  }
}

function diskUse(): { total: string; used: string } {
  try {
    const { blocks, bfree, bsize } = statfsSync("/");
    return { total: String(blocks * bsize), used: String((blocks - bfree) * bsize) };
  } catch {
    return { total: "0", used: "0" };
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "";
  }
}
