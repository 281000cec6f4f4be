import type { DataAnalysis } from "@classifier-training/runs";
import { percent, weakAgreement } from "@classifier-training/runs/analysis";
import { ClassName } from "../studio/class-name.tsx";
import { Analysis } from "./analysis.tsx";
import { Walk } from "./walk.tsx";

/** Images whose label is probably wrong, the most probable first. */
export function SuspectsPart() {
  return (
    <Analysis<DataAnalysis<"suspects">>
      kind="suspects"
      title="Find label errors"
      judges="trained for it"
      about="Networks that have not seen an image say what it is; where they disagree with its label, look at it. Nothing is changed before you decide, and everything can be undone."
    >
      {({ suspects, judges, agreement }) => (
        <>
          <p class="note">{`${judges.images} images were judged (${judges.note}). ${found(suspects, agreement)}`}</p>
          <Walk
            name="probable label errors"
            items={suspects.map(
              ({ sample, label, suggested, labelProbability, suggestedProbability, isConfident }) => ({
                path: sample,
                label,
                suggested,
                about: (
                  <p>
                    {isConfident && !(agreement !== undefined && agreement < weakAgreement)
                      ? "Probably wrong: "
                      : "Doubtful: "}
                    <ClassName name={suggested} /> {percent(suggestedProbability)}, <ClassName name={label} />{" "}
                    {percent(labelProbability)}
                  </p>
                ),
              }),
            )}
          />
        </>
      )}
    </Analysis>
  );
}

function found(suspects: DataAnalysis<"suspects">["suspects"], agreement: number | undefined): string {
  if (suspects.length === 0) return "No label looks wrong.";
  if (agreement !== undefined && agreement < weakAgreement)
    return `The networks prefer the label of ${percent(agreement)} only: the first ones are worth a look, the others are rather hard than wrong.`;
  const confident = suspects.filter(({ isConfident }) => isConfident).length;
  return `${confident} probably with a wrong label, ${suspects.length - confident} doubtful.`;
}
