import "../../style/studio.css";
import "../../style/jobs.css";
import type { RunSummary } from "../../../src/api-types.ts";
import { Combobox } from "../../components/combobox.tsx";
import { TabPanel, Tabs } from "../../components/tabs.tsx";
import { extensions } from "../../state/api.ts";
import { shortNumber } from "../../state/format.ts";
import { param } from "../../state/params.ts";
import { listedRuns, nameOf, runs } from "../../state/runs.ts";
import { ExportPart } from "./export-part.tsx";
import { ImagesPart } from "./images-part.tsx";
import { WebcamPart } from "./webcam-part.tsx";

const runParam = param("of");
const partParam = param("way", "images");

const parts = [
  { id: "images", title: "On images", Part: ImagesPart },
  { id: "webcam", title: "On the webcam", Part: WebcamPart },
  { id: "export", title: "Export", Part: ExportPart },
] as const;

/** A trained model on new images, and the way out of the page with it. */
export function TryView() {
  const trained = listedRuns.value.filter(({ status, kind }) => status === "success" && kind === "train");
  const run = runs.value.get(runParam.value) ?? bestOf(trained);
  const { id, Part } = parts.find((part) => part.id === partParam.value) ?? parts[0];
  const canLabel = extensions.value?.includes("studio") ?? false;
  return (
    <div class="studio-page try-view">
      <h2 class="hidden-label">Try</h2>
      {run === undefined ? (
        <p class="note">There is no trained model yet: train one, and try it here on new images and on the webcam.</p>
      ) : (
        <>
          <Combobox
            label="Model"
            options={trained.map((one) => ({ id: one.key, title: nameOf(one), about: scoreOf(one) }))}
            value={run.key}
            onChoose={(key) => runParam.set(key)}
          />
          <Tabs
            name="try"
            label="Ways to use the model"
            tabs={parts}
            open={id}
            onOpen={(next) => partParam.set(next)}
            class="inner"
          />
          <TabPanel name="try" open={id} class="page-part">
            <Part key={`${id} ${run.key}`} run={run} canLabel={canLabel} />
          </TabPanel>
        </>
      )}
    </div>
  );
}

function scoreOf({ best, monitor }: RunSummary): string {
  return best === undefined ? "" : `${monitor?.name ?? "best"} ${shortNumber(best.value)}`;
}

/** The best by what the newest run is measured by; of equal ones the newest. */
function bestOf(trained: readonly RunSummary[]): RunSummary | undefined {
  const [newest] = trained;
  const sign = newest?.monitor?.mode === "min" ? -1 : 1;
  const value = ({ best, monitor }: RunSummary) =>
    best === undefined || monitor?.name !== newest?.monitor?.name ? Number.NEGATIVE_INFINITY : sign * best.value;
  return trained.reduce<RunSummary | undefined>(
    (best, run) => (best === undefined || value(run) > value(best) ? run : best),
    undefined,
  );
}
