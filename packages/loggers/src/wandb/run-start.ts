import { randomUUID } from "node:crypto";
import type { Metadata } from "./environment.ts";
import { items, type RecordContent, timestamp } from "./records.ts";

/** The version of the official client whose files and protocol these are; W&B's servers look at it. */
export const clientVersion = "0.28.3";

export interface WandbRunOptions {
  readonly wandbDir: string;
  readonly mode: "online" | "offline";
  readonly id: string;
  readonly entity: string;
  readonly project: string;
  readonly name: string;
  readonly notes: string;
  readonly tags: readonly string[];
  readonly group: string;
  readonly jobType: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** How to treat a run of this id on the server; undefined: it is a new one. */
  readonly resume: "allow" | "must" | "never" | undefined;
  readonly captureConsole: boolean;
  /** 0 turns system metrics off. */
  readonly systemMetricsIntervalMs: number;
  readonly captureGit: boolean;
  /** Whether the uncommitted changes are a file of the run. */
  readonly captureDiff: boolean;
}

/** The records that a log begins with: who wrote it, the run, telemetry, the machine. */
export function startRecords(options: WandbRunOptions, metadata: Metadata, startedAtMs: number): RecordContent[] {
  const { id, entity, project, name, notes, tags, group, jobType, config, resume } = options;
  const { git, host } = metadata;
  const gitRecord = git === undefined ? undefined : { remoteUrl: git.remote ?? "", commit: git.commit };
  return [
    {
      case: "header",
      value: { versionInfo: { producer: `${clientVersion}+classifier-training`, minConsumer: "0.70.0" } },
    },
    {
      case: "run",
      value: {
        runId: id,
        entity,
        project,
        displayName: name,
        notes,
        tags: [...tags],
        runGroup: group,
        jobType,
        host,
        config: { update: items(config) },
        startTime: timestamp(startedAtMs),
        ...(gitRecord && { git: gitRecord }),
        ...(resume && { settings: { item: [{ key: "resume", valueJson: JSON.stringify(resume) }] } }),
      },
    },
    {
      case: "telemetry",
      value: {
        cliVersion: clientVersion,
        coreVersion: clientVersion,
        pythonVersion: process.version,
        platform: `${process.platform}-${process.arch}`,
      },
    },
    { case: "environment", value: environmentRecord(metadata, startedAtMs, gitRecord) },
  ];
}

type EnvironmentContent = Extract<RecordContent, { case: "environment" }>["value"];

function environmentRecord(
  metadata: Metadata,
  startedAtMs: number,
  git: { readonly remoteUrl: string; readonly commit: string } | undefined,
): EnvironmentContent {
  const { os, python, args, program, codePath, root, host, username, executable, disk, memory } = metadata;
  const disks = Object.entries(disk).map(
    ([path, { total, used }]) => [path, { total: BigInt(total), used: BigInt(used) }] as const,
  );
  return {
    os,
    python,
    startedAt: timestamp(startedAtMs),
    args: [...args],
    program,
    ...(codePath !== undefined && { codePath }),
    root,
    host,
    username,
    executable,
    cpuCount: metadata.cpu_count,
    cpuCountLogical: metadata.cpu_count_logical,
    disk: Object.fromEntries(disks),
    memory: { total: BigInt(memory.total) },
    ...(git && { git }),
    writerId: randomUUID().replaceAll("-", ""),
  };
}
