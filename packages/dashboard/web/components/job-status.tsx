import { useEffect, useState } from "preact/hooks";
import type { RunLog } from "../../src/api-types.ts";
import type { Job } from "../../src/job-types.ts";
import { api, canWrite } from "../state/api.ts";
import { duration, timeText } from "../state/format.ts";
import { endJob, isOpen } from "../state/jobs.ts";
import { useAction } from "../state/use-action.ts";
import { CopyButton } from "./copy-button.tsx";
import { ActionError, Problem } from "./problem.tsx";
import { ScrollBox } from "./scroll-box.tsx";

const words: Readonly<Record<Job["status"], string>> = {
  queued: "waits until the job before it has ended",
  running: "running",
  done: "done",
  failed: "failed",
  canceled: "canceled",
  stopped: "stopped and saved",
};

/** The marks of a run's status. */
const marks: Readonly<Record<Job["status"], string>> = {
  queued: "stale",
  running: "running",
  done: "success",
  failed: "failed",
  canceled: "interrupted",
  stopped: "interrupted",
};

/** How a job stands: its progress, its error, its log on demand, and a button that ends it. */
export function JobStatus({ job, title }: { readonly job: Job; readonly title: string }) {
  const { error, isBusy, act } = useAction();
  const { status, progress, startedAt, finishedAt } = job;
  const took =
    startedAt !== undefined && finishedAt !== undefined
      ? `, took ${duration((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)}`
      : "";
  const isTraining = job.kind === "train";
  const end = job.isEnding ? "End at once" : isTraining && status === "running" ? "Stop and save" : "Cancel";
  return (
    <section class="job" aria-label={title}>
      <div class="job-head">
        <span class={`status ${marks[status]}`} role="status">
          {`${title}: ${job.isEnding ? "is ending ..." : words[status]}${took}`}
        </span>
        {startedAt !== undefined && <small>{timeText(Date.parse(startedAt))}</small>}
        {isOpen(job) && canWrite.value && (
          <button type="button" disabled={isBusy} onClick={() => act(() => endJob(job.id))}>
            {end}
          </button>
        )}
      </div>
      {progress !== undefined && (
        <div class="job-progress">
          {progress.total !== undefined && (
            <progress aria-label={`${title}: done`} max={progress.total} value={progress.done} />
          )}
          <code>{progress.text}</code>
        </div>
      )}
      {job.error !== undefined && <Problem problem={job.error} />}
      <ActionError error={error} />
      {status !== "queued" && <JobLog job={job} title={title} />}
    </section>
  );
}

function JobLog({ job, title }: { readonly job: Job; readonly title: string }) {
  const [isShown, setShown] = useState(false);
  const [text, setText] = useState<string>();
  const { id, progress, status } = job;
  useEffect(() => {
    let isCurrent = true;
    if (!isShown) return undefined;
    api<RunLog>(`job-logs/${id}`).then(
      (log) => isCurrent && setText(log.text),
      (reason: Error) => isCurrent && setText(reason.message),
    );
    return () => {
      isCurrent = false;
    };
  }, [id, isShown, progress?.text, status]);
  return (
    <details onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>Command and log</summary>
      <p class="command">
        <code>{job.command}</code> <CopyButton text={job.command} of="the command" />
      </p>
      {isShown && text !== undefined && (
        <ScrollBox label={`Log of ${title}`}>
          <pre>{text || "nothing yet"}</pre>
        </ScrollBox>
      )}
    </details>
  );
}
