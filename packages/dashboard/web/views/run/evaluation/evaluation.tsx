import { useEffect, useState } from "preact/hooks";
import type { RunDetail } from "../../../../src/api-types.ts";
import type { EvaluationInfo, EvaluationList } from "../../../../src/evaluation-types.ts";
import { TabPanel, Tabs } from "../../../components/tabs.tsx";
import { useAnswer } from "../../../state/answer.ts";
import { runPath } from "../../../state/api.ts";
import { Calibration } from "./calibration.tsx";
import { ClassTable } from "./class-table.tsx";
import { Confusion } from "./confusion.tsx";
import { EmbeddingsMapPart } from "./embeddings-map.tsx";
import { Errors } from "./errors.tsx";
import { defaultEvaluation, Problem, titleOf } from "./part.tsx";
import { Slices } from "./slices.tsx";
import { evaluationParam, filterSamples, partParam } from "./state.ts";

/** The parts of an evaluation: a file of this folder, and a line here. */
const parts = [
  { id: "confusion", title: "Confusion", Part: Confusion },
  { id: "classes", title: "Classes", Part: ClassTable },
  { id: "errors", title: "Errors", Part: Errors },
  { id: "calibration", title: "Calibration", Part: Calibration },
  { id: "slices", title: "Slices", Part: Slices },
  { id: "map", title: "Map", Part: EmbeddingsMapPart },
] as const;

const pollMs = 3000;

/** What the run predicted, epoch by epoch. */
export function Evaluation({ detail }: { readonly detail: RunDetail }) {
  const { key, status, modifiedAt } = detail;
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (status !== "running") return undefined;
    const timer = setInterval(() => setTick((before) => before + 1), pollMs);
    return () => clearInterval(timer);
  }, [status]);
  const { answer, error } = useAnswer<EvaluationList>(runPath(key, "/evaluations"), `${modifiedAt} ${status} ${tick}`);
  if (error !== "") return <Problem text={error} />;
  if (answer === undefined) return <p class="note">Reading ...</p>;
  const { evaluations } = answer;
  const shown =
    evaluations.find(({ id }) => id === evaluationParam.value) ?? defaultEvaluation(evaluations, status === "running");
  if (shown === undefined) {
    return (
      <p class="note">
        No evaluation yet: after each epoch, training writes what it predicted for each validation image.
      </p>
    );
  }
  const { id, Part } = parts.find((part) => part.id === partParam.value) ?? parts[0];
  return (
    <div class="evaluation">
      <EvaluationChooser evaluations={evaluations} shown={shown} />
      <Tabs
        name="evaluation"
        label="Parts of the evaluation"
        tabs={parts}
        open={id}
        onOpen={(next) => filterSamples({}, { aspect: next === "confusion" ? undefined : next, class: undefined })}
        class="inner"
      />
      <TabPanel name="evaluation" open={id} class="evaluation-part">
        <Part detail={detail} evaluation={shown} evaluations={evaluations} />
      </TabPanel>
    </div>
  );
}

interface ChooserProps {
  readonly evaluations: readonly EvaluationInfo[];
  readonly shown: EvaluationInfo;
}

/** A slider over the epochs, and a list of all evaluations. */
function EvaluationChooser({ evaluations, shown }: ChooserProps) {
  const epochs = evaluations.filter(({ epoch }) => epoch !== undefined);
  const at = epochs.indexOf(shown);
  return (
    <div class="toolbar evaluation-chooser">
      <label>
        Evaluation{" "}
        <select value={shown.id} onChange={(event) => evaluationParam.set(event.currentTarget.value)}>
          {evaluations.map((one) => (
            <option key={one.id} value={one.id}>
              {titleOf(one)}
            </option>
          ))}
        </select>
      </label>
      {epochs.length > 1 && (
        <label class="epoch-slider">
          <span>Epoch</span>
          <input
            type="range"
            min={0}
            max={epochs.length - 1}
            value={at < 0 ? epochs.length - 1 : at}
            aria-valuetext={titleOf(at < 0 ? (epochs.at(-1) as EvaluationInfo) : shown)}
            onInput={(event) => {
              const next = epochs[Number(event.currentTarget.value)];
              if (next !== undefined) evaluationParam.set(next.id, false);
            }}
          />
          <output>{at < 0 ? "" : `${(shown.epoch ?? 0) + 1} of ${(epochs.at(-1)?.epoch ?? 0) + 1}`}</output>
        </label>
      )}
    </div>
  );
}
