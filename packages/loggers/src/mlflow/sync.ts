import { CtError } from "@classifier-training/base";
import type { RetryTuning } from "../http.ts";
import { RestStore } from "./rest-store.ts";
import { UnsentFiles } from "./unsent.ts";

export interface MlflowSyncOptions {
  /** Seconds to wait for a server that does not respond (default 60). */
  readonly patience?: number | undefined;
  readonly retry?: RetryTuning | undefined;
}

export interface SyncedMlflowRun {
  readonly runId: string;
  readonly metrics: number;
}

/**
 * Sends the metrics that tracking servers have not accepted, to the same servers, and removes their files. Metrics that an
 * earlier attempt has delivered are stored once.
 * @param path the folder of `mlflow-unsent-ID.jsonl` files, or one of them
 * @throws CtError when there is nothing at the path, or the server does not accept all: then all of it stays
 */
export async function syncMlflow(path: string, options: MlflowSyncOptions = {}): Promise<SyncedMlflowRun[]> {
  const found = UnsentFiles.at(path);
  if (found.length === 0) {
    throw new CtError({
      code: "mlflow/sync",
      what: "no metrics are kept here that could be sent",
      where: path,
      fix: "give the folder with mlflow-unsent-ID.jsonl files (the logger's save_dir)",
    });
  }
  const synced: SyncedMlflowRun[] = [];
  for (const files of found) synced.push(await send(files, options));
  return synced;
}

async function send(files: UnsentFiles, { patience = 60, retry }: MlflowSyncOptions): Promise<SyncedMlflowRun> {
  const { run, metrics } = files.read();
  const { uri, startedAt, request, params, end } = run;
  const store = new RestStore({ uri, startedAt, request: { ...request, runId: run.runId ?? request.runId }, retry });
  store.logParams(new Map(params));
  store.logMetrics(metrics);
  if (end !== undefined) store.terminate(end.status, end.endTime);
  await store.drain(patience * 1000);
  const { runId, failure } = store;
  if (failure !== undefined || runId === undefined) {
    if (runId !== undefined) files.writeRun({ ...run, runId });
    throw new CtError({
      code: "mlflow/sync",
      what: `the server did not accept everything: ${failure ?? "no answer"}`,
      where: `${uri}, ${files.metricsPath}`,
      fix: "send it again when the server answers; nothing was removed",
    });
  }
  files.remove();
  return { runId, metrics: metrics.length };
}
