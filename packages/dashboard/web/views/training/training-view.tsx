import "../../style/jobs.css";
import { useState } from "preact/hooks";
import type { Job } from "../../../src/job-types.ts";
import { JobStatus } from "../../components/job-status.tsx";
import { ActionError } from "../../components/problem.tsx";
import { canWrite } from "../../state/api.ts";
import { isOpen, jobs, startJob } from "../../state/jobs.ts";
import { setParams } from "../../state/params.ts";
import { nameOf, runs } from "../../state/runs.ts";
import { useAction } from "../../state/use-action.ts";
import { StartForm } from "./start-form.tsx";
import { Watch } from "./watch.tsx";

/** Starts, watches and stops trainings: the same commands as in a terminal. */
export function TrainingView() {
  const trainings = jobs.value.filter(({ kind }) => kind === "train");
  const [last] = trainings;
  const [isAgain, setAgain] = useState(false);
  const isBusy = last !== undefined && isOpen(last);
  const showsForm = last === undefined || (!isBusy && (isAgain || last.status !== "stopped"));
  return (
    <div class="studio-page training-view">
      <h2 class="hidden-label">Train</h2>
      {last?.status === "stopped" && <Interrupted job={last} onAnew={() => setAgain(true)} />}
      {showsForm && canWrite.value && <StartForm before={last} onStart={() => setAgain(false)} />}
      {!canWrite.value && (
        <p class="note">Trainings are started by whoever opened the page with the address that the studio printed.</p>
      )}
      {last !== undefined && (
        <>
          <JobStatus key={last.id} job={last} title="Training" />
          {isBusy && (
            <p class="note">Closing the studio does not stop it: the next studio of this folder shows it again.</p>
          )}
          <Watch key={`watch-${last.id}`} job={last} />
          {last.status === "done" && last.run !== undefined && <NextSteps run={last.run} />}
        </>
      )}
      <Earlier trainings={trainings.slice(1)} />
    </div>
  );
}

/** What becomes of a training that was stopped. */
function Interrupted({ job, onAnew }: { readonly job: Job; readonly onAnew: () => void }) {
  const { error, isBusy, act } = useAction();
  const run = runs.value.get(job.run ?? "");
  const at = run?.epoch === undefined ? "" : ` in epoch ${run.epoch + 1}${run.maxEpochs ? ` of ${run.maxEpochs}` : ""}`;
  return (
    <section class="card" aria-label="Interrupted training">
      <p>{`The training was stopped${at}, and is saved.`}</p>
      {job.isStale ? (
        <p class="note warning">
          The data has changed since. A training of other images or labels is another experiment: starting begins anew,
          with checkpoints of its own, and the interrupted run stays as it is.
        </p>
      ) : (
        <p class="note">
          The data is as it was: it continues from its last checkpoint, with the same result as without the stop.
        </p>
      )}
      <p class="actions">
        {canWrite.value && (
          <>
            <button
              type="button"
              class="primary"
              disabled={isBusy}
              onClick={() => act(() => startJob("train", { ...job.options, isAnew: false }))}
            >
              {job.isStale ? "Start anew with the same choices" : "Continue"}
            </button>
            <button type="button" onClick={onAnew}>
              Choose again
            </button>
          </>
        )}
      </p>
      <ActionError error={error} />
    </section>
  );
}

function NextSteps({ run }: { readonly run: string }) {
  return (
    <p class="actions">
      <button type="button" class="primary" onClick={() => setParams({ view: "try", of: run })}>
        Try it on images
      </button>
      <button type="button" onClick={() => setParams({ view: "run", of: run })}>
        Details of the run
      </button>
      <button type="button" onClick={() => setParams({ view: "try", of: run, way: "export" })}>
        Export it
      </button>
    </p>
  );
}

function Earlier({ trainings }: { readonly trainings: readonly Job[] }) {
  if (trainings.length === 0) return null;
  return (
    <details>
      <summary>{`Earlier trainings (${trainings.length})`}</summary>
      {trainings.map((job) => {
        const run = runs.value.get(job.run ?? "");
        return <JobStatus key={job.id} job={job} title={run === undefined ? "Training" : nameOf(run)} />;
      })}
    </details>
  );
}
