import { computed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import type { Job, JobKind, JobOptions, JobsState } from "../../src/job-types.ts";
import { api } from "./api.ts";
import { extensionState } from "./extensions.ts";
import { refresh } from "./runs.ts";

const state = extensionState<JobsState>("jobs");

/** The newest first. */
export const jobs = computed(() => state.value?.jobs ?? []);

/** The newest job of a kind. */
export function lastJob(kind: JobKind): Job | undefined {
  return jobs.value.find((job) => job.kind === kind);
}

export function isOpen({ status }: Job): boolean {
  return status === "queued" || status === "running";
}

export async function startJob(kind: JobKind, options: JobOptions = {}): Promise<Job> {
  const job = await api<Job>("jobs", "POST", { kind, options });
  await refresh();
  return job;
}

/** Ends a job that runs or waits, and deletes one that has ended. */
export async function endJob(id: string): Promise<void> {
  await api(`jobs/${id}`, "DELETE");
  await refresh();
}

/** What the newest of some jobs has found: an earlier result stays until there is a new one. */
export function useResult<T>(isMeant: (job: Job) => boolean): {
  readonly job?: Job;
  readonly value?: T;
  readonly error?: string;
} {
  const job = jobs.value.find((one) => one.hasResult && isMeant(one));
  const [found, setFound] = useState<{ readonly id: string; readonly value?: T; readonly error?: string }>();
  const id = job?.id;
  useEffect(() => {
    let isCurrent = true;
    if (id === undefined) return undefined;
    api<T>(`job-results/${id}`).then(
      (value) => isCurrent && setFound({ id, value }),
      (reason: Error) => isCurrent && setFound({ id, error: reason.message }),
    );
    return () => {
      isCurrent = false;
    };
  }, [id]);
  if (job === undefined) return {};
  return { job, ...(found?.id === job.id && found) };
}
