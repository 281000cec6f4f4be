import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Job, JobKind, JobOptions } from "../../../src/job-types.ts";
import { JobStatus } from "../../components/job-status.tsx";
import { ActionError } from "../../components/problem.tsx";
import { canWrite } from "../../state/api.ts";
import { isOpen, lastJob, startJob, useResult } from "../../state/jobs.ts";
import { listedRuns, nameOf } from "../../state/runs.ts";
import { useAction } from "../../state/use-action.ts";

interface AnalysisProps<T> {
  readonly kind: JobKind;
  /** On the button. */
  readonly title: string;
  readonly about: ComponentChildren;
  /** Who judges the images; nobody where none is needed. */
  readonly judges?: "trained for it" | "a run";
  /** What is asked for besides. */
  readonly options?: JobOptions;
  readonly children: (value: T, job: Job) => ComponentChildren;
}

/** An analysis of the data: how it is started, how far it is, and what it has found. */
export function Analysis<T>({ kind, title, about, judges, options = {}, children }: AnalysisProps<T>) {
  const job = lastJob(kind);
  const { job: found, value, error: unread } = useResult<T>((one) => one.kind === kind);
  const [judge, setJudge] = useState("");
  const [time, setTime] = useState("5m");
  const { error, isBusy, act } = useAction();
  const runs = listedRuns.value.filter((run) => run.kind === "train" && run.status === "success");
  const judged = judge === "" ? { ...(judges === "trained for it" && { time }) } : { runs: [judge] };
  const isAgain = value !== undefined;
  return (
    <>
      <div class="card">
        <p class="note">{about}</p>
        {canWrite.value && (
          <div class="fields">
            {judges !== undefined && (
              <label>
                Judged by
                <select value={judge} onChange={(event) => setJudge(event.currentTarget.value)}>
                  <option value="">{judges === "a run" ? "how the images look" : "trained for it: all images"}</option>
                  {runs.map((run) => (
                    <option key={run.key} value={run.key}>
                      {judges === "a run" ? nameOf(run) : `${nameOf(run)}: images that it was not trained on`}
                    </option>
                  ))}
                </select>
              </label>
            )}
            {judges === "trained for it" && judge === "" && (
              <label>
                Time for that
                <select value={time} onChange={(event) => setTime(event.currentTarget.value)}>
                  {timesOf(kind).map((text) => (
                    <option key={text} value={text}>
                      {text}
                    </option>
                  ))}
                </select>
              </label>
            )}
          </div>
        )}
        {canWrite.value && (
          <p class="actions">
            <button
              type="button"
              class={isAgain ? "" : "primary"}
              disabled={isBusy || (job !== undefined && isOpen(job))}
              onClick={() => act(() => startJob(kind, { ...options, ...judged }))}
            >
              {isAgain ? `${title} again` : title}
            </button>
          </p>
        )}
        <ActionError error={error || (unread ?? "")} />
      </div>
      {job !== undefined && (job.id !== found?.id || value === undefined) && (
        <JobStatus key={job.id} job={job} title={title} />
      )}
      {found?.isStale && (
        <p class="note">The data has changed since this was made. What you have decided here is taken into account.</p>
      )}
      {value !== undefined && found !== undefined && children(value, found)}
    </>
  );
}

/** Each network that judges needs half a minute at least, and a curve has one for each fold of each size. */
function timesOf(kind: JobKind): readonly string[] {
  return [...(kind === "learning-curve" ? [] : ["2m"]), "5m", "20m", "1h"];
}
