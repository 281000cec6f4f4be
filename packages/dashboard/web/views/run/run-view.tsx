import { useEffect, useState } from "preact/hooks";
import type { RunDetail } from "../../../src/api-types.ts";
import { Combobox } from "../../components/combobox.tsx";
import { FactList, type Facts as Values } from "../../components/fact-list.tsx";
import { lazily } from "../../components/lazy.tsx";
import { ProgressBar, Status } from "../../components/status.tsx";
import { TabPanel, Tabs } from "../../components/tabs.tsx";
import { api, runPath } from "../../state/api.ts";
import { duration, shortNumber, statusHelp, timeText } from "../../state/format.ts";
import { param } from "../../state/params.ts";
import { listedRuns, nameOf, runs } from "../../state/runs.ts";
import { selectedKeys } from "../../state/selection.ts";
import { Classes } from "./classes.tsx";
import { Configuration } from "./configuration.tsx";
import { Images } from "./images.tsx";
import { Log } from "./log.tsx";
import { Notes } from "./notes.tsx";

const runParam = param("of");
const tabParam = param("tab", "images");

const Evaluation = lazily(() => import("./evaluation/evaluation.tsx").then((module) => module.Evaluation));

/** The parts of a run's page: a file of this folder, and a line here. */
const tabs = [
  { id: "images", title: "Images", Part: Images },
  { id: "evaluation", title: "Evaluation", Part: Evaluation },
  { id: "config", title: "Configuration", Part: Configuration },
  { id: "classes", title: "Classes", Part: Classes },
  { id: "log", title: "Log", Part: Log },
  { id: "notes", title: "Notes", Part: Notes },
] as const;

/** Everything about one run but its curves. */
export function RunView() {
  const key = runParam.value || (selectedKeys.value[0] ?? listedRuns.value[0]?.key ?? "");
  const [detail, setDetail] = useState<RunDetail | undefined>();
  const [error, setError] = useState("");
  const run = runs.value.get(key);
  useEffect(() => {
    let isCurrent = true;
    if (run === undefined) return undefined;
    api<RunDetail>(runPath(key)).then(
      (next) => {
        if (!isCurrent) return;
        setDetail(next);
        setError("");
      },
      (reason: Error) => isCurrent && setError(reason.message),
    );
    return () => {
      isCurrent = false;
    };
  }, [key, run]);
  const options = listedRuns.value.map((one) => ({ id: one.key, title: nameOf(one), about: one.key }));
  const { id, Part } = tabs.find((tab) => tab.id === tabParam.value) ?? tabs[0];
  return (
    <div class="run-view">
      <div class="toolbar">
        <Combobox label="Run" options={options} value={key} onChoose={(next) => runParam.set(next)} />
      </div>
      {run === undefined && <p class="note">This run is not there any more.</p>}
      {error !== "" && (
        <p class="note warning" role="alert">
          {error}
        </p>
      )}
      {run !== undefined && detail?.key === key && (
        <>
          <Facts detail={{ ...detail, ...run }} />
          <Tabs
            name="run"
            label="Parts of the run"
            tabs={tabs}
            open={id}
            onOpen={(next) => tabParam.set(next)}
            class="inner"
          />
          <TabPanel name="run" open={id}>
            <Part key={key} detail={{ ...detail, ...run }} />
          </TabPanel>
        </>
      )}
    </div>
  );
}

function Facts({ detail }: { readonly detail: RunDetail }) {
  const { record, monitor, best, epoch, maxEpochs, secondsLeft, startedAt, finishedAt, annotations } = detail;
  const facts: Values = [
    ["Started", timeText(Date.parse(startedAt))],
    ["Took", finishedAt && duration((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)],
    ["Epoch", epoch === undefined ? undefined : `${epoch + 1}${maxEpochs === undefined ? "" : ` of ${maxEpochs}`}`],
    ["Time left", secondsLeft === undefined ? undefined : duration(secondsLeft)],
    [
      `Best ${monitor?.name ?? "value"}`,
      best && `${shortNumber(best.value)}${best.epoch === undefined ? "" : `, epoch ${best.epoch + 1}`}`,
    ],
    ["Resumed", record.continues && `at step ${record.continues.step} from ${record.continues.checkpoint}`],
  ];
  const origin: Values = [
    ["Command", record.command.join(" ") || undefined],
    ["Folder", detail.dir],
    ["Host", record.host || undefined],
  ];
  return (
    <section class="facts" aria-label="Facts">
      <h2>
        {nameOf(detail)} <Status status={detail.status} /> <ProgressBar run={detail} />
        {annotations.tags.map((tag) => (
          <span key={tag} class="tag">
            {tag}
          </span>
        ))}
      </h2>
      {record.error !== undefined && <p class="note warning">{record.error}</p>}
      {(detail.status === "lost" || detail.status === "stale") && (
        <p class="note">{`${statusHelp[detail.status]}. The same command resumes it.`}</p>
      )}
      <FactList facts={facts} />
      <details>
        <summary>Command and folder</summary>
        <FactList facts={origin} />
      </details>
    </section>
  );
}
