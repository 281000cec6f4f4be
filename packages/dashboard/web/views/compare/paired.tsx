import { useEffect, useState } from "preact/hooks";
import type { RunDetail } from "../../../src/api-types.ts";
import {
  type ComparedSample,
  type ComparedSide,
  comparedSides,
  type EvaluationInfo,
  type EvaluationList,
  type PairedReply,
  type ShownSample,
} from "../../../src/evaluation-types.ts";
import { ShowMore } from "../../components/show-more.tsx";
import { useAnswer } from "../../state/answer.ts";
import { api, runPath } from "../../state/api.ts";
import { param } from "../../state/params.ts";
import { type Marks, useMarks } from "../run/evaluation/marks.ts";
import { defaultEvaluation, IntervalText, Problem, percentText, titleOf } from "../run/evaluation/part.tsx";
import { SampleImage, sampleAddress } from "../run/evaluation/sample-card.tsx";

const evaluationParams = { a: param("ea"), b: param("eb") };
const sideParam = param("side", "onlyA");

const sideTitles: Readonly<Record<ComparedSide, string>> = {
  onlyA: "Only A is right",
  onlyB: "Only B is right",
  both: "Both are right",
  neither: "Neither is right",
};

const samplesAtOnce = 24;

interface PairedProps {
  readonly a: RunDetail;
  readonly b: RunDetail;
}

/** Which of two runs predicts better, on the same images, and the images on which they differ. */
export function Paired({ a, b }: PairedProps) {
  const [first, second] = [useEvaluation(a, "a"), useEvaluation(b, "b")];
  const problem = first.problem || second.problem;
  if (problem !== "") return <Problem text={problem} />;
  if (first.isLoading || second.isLoading) return <p class="note">Reading ...</p>;
  const { shown: ea, all: ofA } = first;
  const { shown: eb, all: ofB } = second;
  return (
    <section aria-label="Predictions">
      <h2>Predictions</h2>
      {ea === undefined || eb === undefined ? (
        <p class="note">Predictions are compared when both runs have some: training writes them after each epoch.</p>
      ) : (
        <>
          <div class="toolbar">
            <EvaluationSelect name="A" shown={ea} all={ofA} onChange={evaluationParams.a.set} />
            <EvaluationSelect name="B" shown={eb} all={ofB} onChange={evaluationParams.b.set} />
          </div>
          <Comparison a={a} b={b} ea={ea} eb={eb} />
        </>
      )}
    </section>
  );
}

/** The evaluation of the address; else the best one. */
function useEvaluation({ key, modifiedAt, status }: RunDetail, side: "a" | "b") {
  const { answer, error, isLoading } = useAnswer<EvaluationList>(runPath(key, "/evaluations"), modifiedAt);
  const all = answer?.evaluations ?? [];
  const shown =
    all.find(({ id }) => id === evaluationParams[side].value) ?? defaultEvaluation(all, status === "running");
  return { shown, all, problem: error, isLoading: isLoading && answer === undefined };
}

interface EvaluationSelectProps {
  readonly name: string;
  readonly shown: EvaluationInfo;
  readonly all: readonly EvaluationInfo[];
  readonly onChange: (id: string) => void;
}

function EvaluationSelect({ name, shown, all, onChange }: EvaluationSelectProps) {
  return (
    <label>
      {`Evaluation of ${name} `}
      <select value={shown.id} onChange={(event) => onChange(event.currentTarget.value)}>
        {all.map((one) => (
          <option key={one.id} value={one.id}>
            {titleOf(one)}
          </option>
        ))}
      </select>
    </label>
  );
}

interface ComparisonProps extends PairedProps {
  readonly ea: EvaluationInfo;
  readonly eb: EvaluationInfo;
}

function Comparison({ a, b, ea, eb }: ComparisonProps) {
  const side = comparedSides.find((one) => one === sideParam.value) ?? "onlyA";
  const query = new URLSearchParams({ a: a.key, ea: ea.id, b: b.key, eb: eb.id, side, limit: String(samplesAtOnce) });
  const address = `compare/predictions?${query}`;
  const { answer, error, path } = useAnswer<PairedReply>(address, `${ea.version} ${eb.version}`);
  const [more, setMore] = useState<readonly ComparedSample[]>([]);
  useEffect(() => setMore([]), [address, ea.version, eb.version]);
  const marks = useMarks(a);
  if (error !== "") return <Problem text={error} />;
  if (answer === undefined) return <p class="note">Reading ...</p>;
  const samples = path === address ? [...answer.samples, ...more] : answer.samples;
  const total = answer.sides[side];
  const showMore = () =>
    void api<PairedReply>(`${address}&offset=${samples.length}`).then((next) => setMore([...more, ...next.samples]));
  return (
    <>
      <Verdict answer={answer} />
      <fieldset class="paired-sides">
        <legend class="hidden-label">Which images</legend>
        {comparedSides.map((one) => (
          <label key={one} class="check">
            <input type="radio" name="side" checked={one === side} onChange={() => sideParam.set(one)} />
            {`${sideTitles[one]} (${answer.sides[one]})`}
          </label>
        ))}
      </fieldset>
      {marks.isRead && marks.access.problem !== undefined && <p class="note warning">{marks.access.problem}</p>}
      {total === 0 && <p class="note">There are no such images.</p>}
      <ul class="sample-list">
        {samples.map((pair) => (
          <PairedCard key={pair.a.index} pair={pair} runKey={a.key} marks={marks} />
        ))}
      </ul>
      {total > 0 && (
        <p class="samples-end">
          <span class="count" role="status">{`${samples.length} of ${total} images`}</span>
          {path === address && <ShowMore shown={samples.length} total={total} step={samplesAtOnce} onMore={showMore} />}
        </p>
      )}
    </>
  );
}

/** McNemar's exact test, in words and as a table. */
function Verdict({ answer }: { readonly answer: PairedReply }) {
  const { n, pairedBy, accuracy, sides, pValue, isSignificant, isMultilabel } = answer;
  const better = sides.onlyA > sides.onlyB ? "A" : "B";
  const test = isMultilabel ? "exact sign test" : "McNemar's exact test";
  return (
    <>
      <p class="paired-verdict">
        <strong>{isSignificant ? `${better} is better` : "No significant difference"}</strong>
        {` on the ${n} images that both have (same ${pairedBy}): p = ${pValue.toPrecision(2)}, ${test}.`}
      </p>
      <table class="paired-table">
        <thead>
          <tr>
            <td />
            <th scope="col" class="number">
              B right
            </th>
            <th scope="col" class="number">
              B wrong
            </th>
            <th scope="col" class="number">
              In all
            </th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">A right</th>
            <td class="number">{sides.both}</td>
            <td class="number">{sides.onlyA}</td>
            <td class="number">
              <IntervalText interval={accuracy.a} />
            </td>
          </tr>
          <tr>
            <th scope="row">A wrong</th>
            <td class="number">{sides.onlyB}</td>
            <td class="number">{sides.neither}</td>
            <td />
          </tr>
          <tr>
            <th scope="row">In all</th>
            <td class="number">
              <IntervalText interval={accuracy.b} />
            </td>
            <td />
            <td class="number">{n}</td>
          </tr>
        </tbody>
      </table>
    </>
  );
}

interface PairedCardProps {
  readonly pair: ComparedSample;
  readonly runKey: string;
  readonly marks: Marks;
}

function PairedCard({ pair: { a, b }, runKey, marks }: PairedCardProps) {
  const name = a.sample.split(/[\\/]/).at(-1) ?? a.sample;
  return (
    <li class="sample">
      {marks.access.root !== undefined && <SampleImage address={sampleAddress(runKey, a.sample)} alt={name} />}
      <p class="sample-labels">
        <span class="class-name">{a.true || "none"}</span>
      </p>
      <Guess name="A" sample={a} />
      <Guess name="B" sample={b} />
      <p class="sample-path" title={a.sample}>
        {name}
      </p>
    </li>
  );
}

function Guess({ name, sample }: { readonly name: string; readonly sample: ShownSample }) {
  const { isWrong, predicted, confidence } = sample;
  return (
    <p class="sample-labels">
      <span>{name}</span>
      <span class={`class-name ${isWrong ? "worse" : "good"}`}>{`${isWrong ? "✕" : "✓"} ${predicted || "none"}`}</span>
      <small>{confidence === null ? "NaN" : percentText(confidence)}</small>
    </p>
  );
}
