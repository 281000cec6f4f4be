import type { DataAnalysis } from "@classifier-training/runs";
import { percent } from "@classifier-training/runs/analysis";
import { ClassName } from "../studio/class-name.tsx";
import { Analysis } from "./analysis.tsx";
import { Walk } from "./walk.tsx";

/** Unlabeled images in the order in which labels help most. */
export function NextPart() {
  return (
    <Analysis<DataAnalysis<"next">>
      kind="next"
      title="Choose images to label"
      judges="a run"
      about="Of the images without a label, those from which a training learns most: the model is unsure of them, and they differ from one another."
    >
      {({ images, unlabeled, judges }) =>
        images.length === 0 ? (
          <p class="note">Every image has a label.</p>
        ) : (
          <>
            <p class="note">{`${images.length} of ${unlabeled} images without a label (${judges.note}).`}</p>
            <Walk
              name="to be labeled next"
              items={images.map(({ sample, suggested, probability }) => ({
                path: sample,
                ...(suggested !== null && { suggested }),
                about:
                  suggested === null ? null : (
                    <p>
                      The model says <ClassName name={suggested} />
                      {probability !== null && ` (${percent(probability)})`}
                    </p>
                  ),
              }))}
            />
          </>
        )
      }
    </Analysis>
  );
}
