import type { DataAnalysis } from "@classifier-training/runs";
import { percent } from "@classifier-training/runs/analysis";
import { Analysis } from "./analysis.tsx";
import { LearningCurve } from "./learning-curve.tsx";

type Enough = DataAnalysis<"learningCurve">;

/** Whether more images would help, and of what. */
export function EnoughPart() {
  return (
    <Analysis<Enough>
      kind="learning-curve"
      title="Measure whether it is enough"
      judges="trained for it"
      about="Models of parts of the images say how the error falls with their number, and what more images would bring."
    >
      {(enough) => (
        <>
          <section class="card" aria-label="What more images would bring">
            <h3>What more images would bring</h3>
            <ul class="checks enough-words">
              {forecastsOf(enough).map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
            <p class="note">{`The errors are of ${enough.measures}. ${enough.judges.note}.`}</p>
            <LearningCurve enough={enough} />
          </section>
          <Classes enough={enough} />
        </>
      )}
    </Analysis>
  );
}

/** `100 more images: 12.1% -> 10.4% errors (9.0% to 11.9%)`. */
function forecastsOf({ forecasts, images }: Enough): readonly string[] {
  const now = forecasts.find(({ more }) => more === 0);
  return forecasts.map(({ more, value, low, high }) => {
    const range = `(${percent(low)} to ${percent(high)})`;
    if (more === 0) return `With the ${images} images that there are: ${percent(value)} errors ${range}.`;
    const from = now === undefined ? "" : `${percent(now.value)} → `;
    return `${more.toLocaleString("en-US")} more images: ${from}${percent(value)} errors ${range}.`;
  });
}

/** Fewer images than this of a class are few, whatever the others have. */
const few = 20;

function Classes({ enough: { classes } }: { readonly enough: Enough }) {
  const counts = classes.map(({ images }) => images).sort((a, b) => a - b);
  const middle = counts[Math.floor(counts.length / 2)] ?? 0;
  const adviceOf = (images: number, error: number | null) => {
    if (images < Math.min(few, middle)) return "has few images: add some first";
    if (images < middle / 2) return "has less than half as many as others";
    return error !== null && error > 0.3 ? "is often confused: add some that are hard to tell" : "";
  };
  return (
    <section class="card" aria-label="Classes">
      <h3>Which classes lack images</h3>
      <div class="table-scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col" class="number">
                Images
              </th>
              <th scope="col" class="number">
                Errors
              </th>
              <th scope="col">What to do</th>
            </tr>
          </thead>
          <tbody>
            {classes.map(({ name, images, error }) => (
              <tr key={name}>
                <th scope="row">
                  <bdi>{name}</bdi>
                </th>
                <td class="number">{images}</td>
                <td class="number">{error === null ? "" : percent(error)}</td>
                <td>{adviceOf(images, error)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
