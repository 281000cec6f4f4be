import { percent } from "@classifier-training/runs/analysis";
import type { Prediction } from "../../../src/job-types.ts";

interface PredictionBarsProps {
  readonly classes: Prediction["classes"];
  /** Labels the image with a class; without it the bars are only shown. */
  readonly onLabel?: ((label: string) => void) | undefined;
  /** The label that the image was added with. */
  readonly label?: string | undefined;
}

/** The most probable classes of an image; one click says which of them is right. */
export function PredictionBars({ classes, onLabel, label }: PredictionBarsProps) {
  return (
    <ol class="bars">
      {classes.map(({ label: name, probability }) => (
        <li key={name}>
          <bdi class="run-name" title={name}>
            {name}
          </bdi>
          <meter min={0} max={1} value={probability} aria-label={`Probability of ${name}`} />
          <span class="number">{percent(probability)}</span>
          {onLabel !== undefined && (
            <button
              type="button"
              class="link"
              disabled={label === name}
              aria-label={`${label === name ? "added" : "it is this"}: ${name}`}
              onClick={() => onLabel(name)}
            >
              {label === name ? "added" : "it is this"}
            </button>
          )}
        </li>
      ))}
    </ol>
  );
}
