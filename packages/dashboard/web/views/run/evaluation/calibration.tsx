import type { EvaluationSummary, ShownBin } from "../../../../src/evaluation-types.ts";
import { useAnswer } from "../../../state/answer.ts";
import { IntervalText, type PartProps, Problem, percentText } from "./part.tsx";
import { PlotFrame, place } from "./plot-frame.tsx";
import { evaluationPath, filterSamples } from "./state.ts";

/** Whether confidence can be believed, and how much can be answered at which error rate. */
export function Calibration({ detail, evaluation }: PartProps) {
  const { answer, error } = useAnswer<EvaluationSummary>(
    evaluationPath(detail.key, evaluation.id, "summary"),
    evaluation.version,
  );
  if (error !== "") return <Problem text={error} />;
  if (answer === undefined) return <p class="note">Reading ...</p>;
  const { accuracy, notFinite, calibration, riskCoverage, isMultilabel } = answer;
  return (
    <>
      <p class="evaluation-facts">
        <span>
          {isMultilabel ? "All labels right: " : "Right: "}
          <IntervalText interval={accuracy} /> {`(${accuracy.successes} of ${accuracy.n})`}
        </span>
        <span>{`ECE ${calibration.error === null ? "unknown" : calibration.error.toFixed(3)}`}</span>
        <span>{`AURC ${riskCoverage.aurc === null ? "unknown" : riskCoverage.aurc.toFixed(3)}`}</span>
      </p>
      {notFinite > 0 && (
        <p class="note warning">{`${notFinite} images have no confidence (NaN): they are left out here.`}</p>
      )}
      <div class="plot-pair">
        <Reliability bins={calibration.bins} />
        <RiskCoverage {...riskCoverage} />
      </div>
    </>
  );
}

/** Accuracy by confidence, with the number of images of each bin. */
function Reliability({ bins }: { readonly bins: readonly ShownBin[] }) {
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const filled = bins.filter(({ count }) => count > 0);
  const open = ({ low, high }: ShownBin) => filterSamples({ low, high }, { aspect: "errors", right: "1" });
  return (
    <section aria-label="Reliability diagram">
      <h3>Reliability</h3>
      <PlotFrame label="Accuracy by confidence; the table has the values" x="confidence" y="right">
        <line class="plot-ideal" {...place(0, 0, "1")} {...place(1, 1, "2")} />
        {filled.map((bin) => {
          const { x1: left, y1: bottom } = place(bin.low, 0, "1");
          const { x1: right, y1: top } = place(bin.high, (0.25 * bin.count) / most, "1");
          return (
            <rect
              key={bin.low}
              class="plot-count"
              x={left + 1}
              y={top}
              width={right - left - 2}
              height={bottom - top}
            />
          );
        })}
        {filled.map(({ low, confidence, accuracy }) => {
          const at = confidence ?? low;
          const point = place(at, accuracy.value ?? 0, "1");
          return (
            <g key={low}>
              <line class="plot-whisker" {...place(at, accuracy.low, "1")} {...place(at, accuracy.high, "2")} />
              <circle class="plot-point" cx={point.x1} cy={point.y1} r={4} />
            </g>
          );
        })}
      </PlotFrame>
      <p class="note">On the dashed line, confidence is right. Bars: how many images.</p>
      <details>
        <summary>As a table</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">Confidence</th>
              <th scope="col" class="number">
                Images
              </th>
              <th scope="col" class="number">
                Right
              </th>
            </tr>
          </thead>
          <tbody>
            {filled.map((bin) => (
              <tr key={bin.low}>
                <th scope="row">
                  <button
                    type="button"
                    class="link"
                    onClick={() => open(bin)}
                  >{`${percentText(bin.low)} to ${percentText(bin.high)}`}</button>
                </th>
                <td class="number">{bin.count}</td>
                <td class="number">
                  <IntervalText interval={bin.accuracy} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}

/** The error rate of what is answered, when the least confident images are left to people. */
function RiskCoverage({ points, at }: EvaluationSummary["riskCoverage"]) {
  const top = Math.min(1, Math.max(0.02, ...points.map(({ risk }) => risk)) * 1.1);
  const line = points.map(({ coverage, risk }) => {
    const { x1, y1 } = place(coverage, risk / top, "1");
    return `${x1.toFixed(1)},${y1.toFixed(1)}`;
  });
  return (
    <section aria-label="Risk and coverage">
      <h3>Risk and coverage</h3>
      <PlotFrame label="Error rate by coverage; the table has the values" x="answered" y="errors among them" top={top}>
        <polyline class="plot-line" points={line.join(" ")} />
        {at.map(({ risk, point }) => {
          if (point === undefined) return null;
          const { x1, y1 } = place(point.coverage, point.risk / top, "1");
          return <circle key={risk} class="plot-point" cx={x1} cy={y1} r={4} />;
        })}
      </PlotFrame>
      <table>
        <thead>
          <tr>
            <th scope="col">Errors, at most</th>
            <th scope="col" class="number">
              Answered
            </th>
            <th scope="col" class="number">
              From a confidence of
            </th>
          </tr>
        </thead>
        <tbody>
          {at.map(({ risk, point }) => (
            <tr key={risk}>
              <th scope="row">{`${100 * risk}%`}</th>
              <td class="number">{point === undefined ? "nothing" : percentText(point.coverage)}</td>
              <td class="number">{point === undefined ? "" : percentText(point.confidence)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
