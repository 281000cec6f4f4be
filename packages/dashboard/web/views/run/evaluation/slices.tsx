import type { EvaluationSummary } from "../../../../src/evaluation-types.ts";
import { useAnswer } from "../../../state/answer.ts";
import { IntervalText, type PartProps, Problem } from "./part.tsx";
import { evaluationPath, filterSamples } from "./state.ts";

/** How good the predictions are where metadata have a certain value, the weakest first. */
export function Slices({ detail, evaluation }: PartProps) {
  const { answer, error } = useAnswer<EvaluationSummary>(
    evaluationPath(detail.key, evaluation.id, "summary"),
    evaluation.version,
  );
  if (error !== "") return <Problem text={error} />;
  if (answer === undefined) return <p class="note">Reading ...</p>;
  const { slices } = answer;
  if (slices.length === 0) {
    return (
      <p class="note">
        No slices: they are made of what the data says of its images beside the label (columns of a list), and of the
        best and the last epoch only.
      </p>
    );
  }
  return (
    <table class="slices">
      <thead>
        <tr>
          <th scope="col">Column</th>
          <th scope="col">Value</th>
          <th scope="col" class="number">
            Images
          </th>
          <th scope="col" class="number">
            Right
          </th>
          <th scope="col" class="number">
            All others
          </th>
        </tr>
      </thead>
      <tbody>
        {slices.map(({ key, value, accuracy, rest }) => (
          <tr key={`${key} ${value}`} class={accuracy.high < rest.low ? "weak" : ""}>
            <td>{key}</td>
            <th scope="row">
              <button
                type="button"
                class="link"
                aria-label={`Images where ${key} is ${value}`}
                onClick={() => filterSamples({ key, value }, { aspect: "errors" })}
              >
                {value}
              </button>
              {accuracy.high < rest.low && <span class="tag">weaker than the others</span>}
            </th>
            <td class="number">{accuracy.n}</td>
            <td class="number">
              <IntervalText interval={accuracy} />
            </td>
            <td class="number">
              <IntervalText interval={rest} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
