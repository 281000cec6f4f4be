import type { Annotations } from "@classifier-training/runs";
import type { RunSummary } from "../../../src/api-types.ts";
import { api, runPath } from "../../state/api.ts";
import { refresh } from "../../state/runs.ts";

/** Changes what people note about a run. */
export async function annotate(run: RunSummary, change: Partial<Annotations>): Promise<void> {
  await api(runPath(run.key, "/annotations"), "PUT", { ...run.annotations, ...change });
  await refresh();
}

export async function archive(runs: readonly RunSummary[], archived: boolean): Promise<void> {
  for (const run of runs) await api(runPath(run.key, "/annotations"), "PUT", { ...run.annotations, archived });
  await refresh();
}

/** Deletes the folders of runs. @throws Error at the first that cannot be deleted; those before it are gone */
export async function remove(runs: readonly RunSummary[]): Promise<void> {
  try {
    for (const { key } of runs) await api(runPath(key), "DELETE");
  } finally {
    await refresh();
  }
}
