import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CtError, getLogger } from "@classifier-training/base";
import { WandbSender } from "./sender.ts";
import type { SenderEvent, SenderTuning } from "./sender-options.ts";
import { findApiKey, wandbBaseUrl } from "./settings.ts";
import { isBeingWritten } from "./writer-lock.ts";

const log = getLogger("lightning.wandb");

export interface SyncOptions {
  /** Entity and project in place of the run's own. */
  readonly entity?: string | undefined;
  readonly project?: string | undefined;
  readonly tuning?: Partial<SenderTuning> | undefined;
}

export interface SyncedRun {
  readonly logPath: string;
  /** `skipped`: it had been sent completely before; `running`: its process is still writing it. */
  readonly outcome: "sent" | "skipped" | "running";
}

/**
 * Sends runs kept on disk: `path` is a run's folder, its `.wandb` file, or a folder of runs (`wandb/`, or one that has
 * it). Begins where an earlier attempt stopped.
 * @throws CtError when there is no API key, no run at the path, or the server refuses.
 */
export async function syncWandb(path: string, options: SyncOptions = {}): Promise<SyncedRun[]> {
  const baseUrl = wandbBaseUrl();
  const apiKey = findApiKey(baseUrl);
  if (apiKey === undefined) {
    throw new CtError({
      code: "wandb/key",
      what: `there is no API key for ${baseUrl}`,
      fix: "set WANDB_API_KEY, or put a machine entry into ~/.netrc",
    });
  }
  const logs = findLogs(path);
  if (logs.length === 0) {
    throw new CtError({
      code: "wandb/sync",
      what: "there is no W&B run here",
      where: path,
      fix: "give a folder such as wandb/offline-run-DATE-ID, or the wandb folder that holds it",
    });
  }
  const synced: SyncedRun[] = [];
  for (const logPath of logs) {
    if (existsSync(`${logPath}.synced`)) {
      synced.push({ logPath, outcome: "skipped" });
      continue;
    }
    if (isBeingWritten(dirname(logPath))) {
      synced.push({ logPath, outcome: "running" });
      continue;
    }
    const { entity, project, tuning } = options;
    const sender = new WandbSender({
      logPath,
      filesDir: join(dirname(logPath), "files"),
      baseUrl,
      apiKey,
      isLive: false,
      entity,
      project,
      tuning,
      onEvent: warnings(logPath),
    });
    await sender.run();
    synced.push({ logPath, outcome: "sent" });
  }
  return synced;
}

/** Logs what a user should know of an upload; that the server does not answer, once. */
function warnings(logPath: string): (event: SenderEvent) => void {
  let isRetryReported = false;
  return (event) => {
    if (event.type === "warning") log.warning(`wandb: ${logPath}: ${event.text}`);
    if (event.type !== "retrying" || isRetryReported) return;
    isRetryReported = true;
    log.warning(`wandb: the server does not answer (${event.reason}); retrying`);
  };
}

/** The transaction logs at a path, oldest run first. */
function findLogs(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return path.endsWith(".wandb") ? [path] : [];
  const inRun = readdirSync(path).filter((name) => /^run-.+\.wandb$/.test(name));
  if (inRun.length > 0) return inRun.map((name) => join(path, name));
  const nested = ["wandb", ".wandb"].map((name) => join(path, name)).filter((dir) => existsSync(dir));
  if (nested.length > 0 && !["wandb", ".wandb"].includes(basename(path))) return nested.flatMap(findLogs);
  return readdirSync(path)
    .filter((name) => /^(offline-)?run-/.test(name))
    .sort((a, b) => a.replace("offline-", "").localeCompare(b.replace("offline-", "")))
    .flatMap((name) => findLogs(join(path, name)));
}
