import type { DataAnalysis } from "@classifier-training/runs";
import { ClassName } from "../studio/class-name.tsx";
import { Analysis } from "./analysis.tsx";
import { Walk } from "./walk.tsx";
import { percent } from "./words.ts";

/** Images whose label is probably wrong, the most probable first. */
export function SuspectsPart() {
  return (
    <Analysis<DataAnalysis<"suspects">>
      kind="suspects"
      title="Find label errors"
      judges="trained for it"
      about="Networks that have not seen an image say what it is; where they disagree with its label, look at it. Nothing is changed before you decide, and everything can be undone."
    >
      {({ suspects, judges }) => (
        <>
          <p class="note">{`${judges.images} images were judged (${judges.note}). ${
            suspects.length === 0
              ? "No label looks wrong."
              : `${suspects.filter(({ isConfident }) => isConfident).length} probably with a wrong label, ${suspects.filter(({ isConfident }) => !isConfident).length} doubtful.`
          }`}</p>
          <Walk
            name="probable label errors"
            items={suspects.map(
              ({ sample, label, suggested, labelProbability, suggestedProbability, isConfident }) => ({
                path: sample,
                label,
                suggested,
                about: (
                  <p>
                    {isConfident ? "Probably wrong: " : "Doubtful: "}
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
