import { useEffect, useMemo, useState } from "preact/hooks";
import type { RunSummary } from "../../../src/api-types.ts";
import type { Job, TrainingDecisions } from "../../../src/job-types.ts";
import { chartSections } from "../../charts/chart-groups.ts";
import { styleOf } from "../../charts/marks.ts";
import { FactList, type Facts } from "../../components/fact-list.tsx";
import { api } from "../../state/api.ts";
import { duration, shortNumber } from "../../state/format.ts";
import { metrics, wantMetrics } from "../../state/metrics.ts";
import { runs } from "../../state/runs.ts";
import { theme } from "../../state/theme.ts";
import { Chart } from "../charts/chart.tsx";
import { Legend } from "../charts/charts-view.tsx";

/** A training as it goes: what it chose, how far it is, its curves. */
export function Watch({ job }: { readonly job: Job }) {
  const run = runs.value.get(job.run ?? "");
  return (
    <>
      {run !== undefined && <Progress run={run} />}
      {run !== undefined && <Curves run={run} />}
      <Decisions job={job} />
    </>
  );
}

function Progress({ run }: { readonly run: RunSummary }) {
  const { epoch, maxEpochs, best, monitor, secondsLeft, status } = run;
  const facts: Facts = [
    ["Epoch", epoch === undefined ? undefined : `${epoch + 1}${maxEpochs === undefined ? "" : ` of ${maxEpochs}`}`],
    ["Time left", status === "running" && secondsLeft !== undefined ? duration(secondsLeft) : undefined],
    [`Best ${monitor?.name ?? "value"}`, best && shortNumber(best.value)],
  ];
  return (
    <div class="facts">
      {epoch !== undefined && maxEpochs !== undefined && (
        <progress class="wide" aria-label="Epochs done" max={maxEpochs} value={Math.min(epoch + 1, maxEpochs)} />
      )}
      <FactList facts={facts} />
    </div>
  );
}

function Curves({ run }: { readonly run: RunSummary }) {
  useEffect(() => wantMetrics(run.key), [run.key]);
  const loaded = metrics.value.get(run.key);
  const names = loaded?.names.join() ?? "";
  const charts = useMemo(
    () => chartSections(loaded?.names ?? [], run.monitor ? [run.monitor.name] : [])[0]?.charts.slice(0, 2) ?? [],
    [names, run.monitor?.name],
  );
  const shown = [{ run, ...styleOf(0, theme.value) }];
  if (charts.length === 0) return null;
  return (
    <>
      <div class="chart-grid">
        {charts.map((group) => (
          <Chart key={group.title} group={group} metrics={metrics.value} runs={shown} />
        ))}
      </div>
      <Legend />
    </>
  );
}

/** Settings in plain words, where they have some. */
const names: Readonly<Record<string, string>> = {
  "model.pretrained": "Begins with published weights",
  "data.batch_size": "Images in a step",
  "model.width": "Channels of the first layer",
  "data.image_size": "Image size",
  "model.stem": "First layers",
  "trainer.precision": "Arithmetic",
  "data.num_workers": "Threads that read images",
  "data.use_cache": "Keeps decoded images in memory",
  "trainer.max_epochs": "Epochs: times that each image is seen",
  "trainer.check_val_every_n_epoch": "Epochs between validations",
  "model.learning_rate": "Learning rate",
  "model.warmup_epochs": "Epochs until the full learning rate",
  "transforms.flip": "Mirrors images",
  "transforms.mix": "Mixes images",
  "transforms.trivial_augment": "Strong augmentation",
  "transforms.random_erasing": "Erases parts of images",
  "callbacks.ema.decay": "Averages weights",
  "data.class_weights": "Rare classes count more",
};

function Decisions({ job }: { readonly job: Job }) {
  const [decisions, setDecisions] = useState<TrainingDecisions["decisions"]>([]);
  const { id, status, run } = job;
  const hasSome = decisions.length > 0;
  useEffect(() => {
    let isCurrent = true;
    if (status === "queued" || hasSome) return undefined;
    api<TrainingDecisions>(`job-decisions/${id}`).then(
      (answer) => isCurrent && setDecisions(answer.decisions),
      () => {},
    );
    return () => {
      isCurrent = false;
    };
  }, [id, status, run, job.progress?.text, hasSome]);
  if (!hasSome) return null;
  return (
    <section class="card" aria-label="What was chosen">
      <h3>What was chosen for these images</h3>
      <div class="table-scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">Value</th>
              <th scope="col">Because</th>
            </tr>
          </thead>
          <tbody>
            {decisions.map(({ key, value, why }) => (
              <tr key={key}>
                <th scope="row">
                  {names[key] ?? key} <small>{key}</small>
                </th>
                <td>{value}</td>
                <td>{why}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="note">To decide one of them yourself, write it under "More options" as key=value.</p>
    </section>
  );
}
