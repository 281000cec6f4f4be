import { percent } from "@classifier-training/runs/analysis";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ConfusionReply } from "../../../../src/evaluation-types.ts";
import { ShowMore } from "../../../components/show-more.tsx";
import { useAnswer } from "../../../state/answer.ts";
import { param } from "../../../state/params.ts";
import { ConfusionGrid } from "./confusion-grid.tsx";
import { type ConfusionTable, confusionTable, orderedClasses } from "./confusion-table.ts";
import { type PartProps, Problem, titleOf } from "./part.tsx";
import { Samples } from "./samples.tsx";
import { evaluationPath, filterSamples, sampleFilter } from "./state.ts";

const orderParam = param("classorder", "index");
const normalizedParam = param("normalized");

/** Pairs that are there at once: more are asked for. */
const pairsAtOnce = 20;

/** Which classes are taken for which others: a cell opens its images. */
export function Confusion({ detail, evaluation }: PartProps) {
  const { answer, error } = useAnswer<ConfusionReply>(
    evaluationPath(detail.key, evaluation.id, "confusion"),
    evaluation.version,
  );
  const table = useMemo(() => (answer === undefined ? undefined : confusionTable(answer)), [answer]);
  const order = useMemo(
    () => (table === undefined ? [] : orderedClasses(table, orderParam.value)),
    [table, orderParam.value],
  );
  const { true: label, predicted } = sampleFilter();
  const heading = useRef<HTMLHeadingElement>(null);
  const opened = useRef(`${label} ${predicted}`);
  useEffect(() => {
    // What was asked for is below the matrix, which may be larger than the screen.
    if (opened.current === `${label} ${predicted}`) return;
    opened.current = `${label} ${predicted}`;
    heading.current?.scrollIntoView({ block: "start" });
    heading.current?.focus({ preventScroll: true });
  }, [label, predicted]);
  if (error !== "") return <Problem text={error} />;
  if (table === undefined) return <p class="note">Reading ...</p>;
  const isOpen = label !== undefined && predicted !== undefined;
  const close = () => {
    filterSamples({});
    document.querySelector<HTMLElement>(".confusion-keys")?.focus();
  };
  return (
    <>
      <div class="toolbar">
        <label>
          Order{" "}
          <select value={orderParam.value} onChange={(event) => orderParam.set(event.currentTarget.value)}>
            <option value="index">of the classes</option>
            <option value="name">by name</option>
            <option value="errors">most confused first</option>
            <option value="support">most images first</option>
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={normalizedParam.value !== ""}
            onChange={(event) => normalizedParam.set(event.currentTarget.checked ? "1" : "")}
          />
          Percent of the true class
        </label>
        <span class="count">{`${table.total} images, ${table.errors} wrong`}</span>
      </div>
      <ConfusionGrid
        table={table}
        order={order}
        isNormalized={normalizedParam.value !== ""}
        title={`Confusion matrix of ${titleOf(evaluation)}`}
        onOpen={(row, column) => filterSamples({ true: table.names[row] ?? "", predicted: table.names[column] ?? "" })}
      />
      {isOpen && (
        <section class="cell-samples" aria-label="Images of the cell">
          <div class="toolbar">
            <h3 ref={heading} tabIndex={-1}>
              {label === predicted ? `${label}, right` : `${label}, predicted as ${predicted}`}
            </h3>
            <button type="button" onClick={close}>
              Close
            </button>
          </div>
          <Samples detail={detail} evaluation={evaluation} query={{ true: label, predicted }} />
        </section>
      )}
      <Pairs table={table} />
    </>
  );
}

/** The pairs of classes with the most errors. */
function Pairs({ table }: { readonly table: ConfusionTable }) {
  const [count, setCount] = useState(pairsAtOnce);
  const { pairs, names, rowTotals } = table;
  if (pairs.length === 0) return <p class="note">No class was taken for another one.</p>;
  return (
    <section aria-label="Most confused pairs">
      <h3>Most confused pairs</h3>
      <table class="pairs">
        <thead>
          <tr>
            <th scope="col">True</th>
            <th scope="col">Predicted</th>
            <th scope="col" class="number">
              Images
            </th>
            <th scope="col" class="number">
              Of the true class
            </th>
          </tr>
        </thead>
        <tbody>
          {pairs.slice(0, count).map(({ row, column, count: images }) => (
            <tr key={`${row} ${column}`}>
              <th scope="row">
                <button
                  type="button"
                  class="link class-name"
                  aria-label={`Images of ${names[row]} predicted as ${names[column]}`}
                  onClick={() => filterSamples({ true: names[row] ?? "", predicted: names[column] ?? "" })}
                >
                  {names[row]}
                </button>
              </th>
              <td>
                <span class="class-name">{names[column]}</span>
              </td>
              <td class="number">{images}</td>
              <td class="number">{percent(images / (rowTotals[row] ?? 1))}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <ShowMore
        shown={count}
        total={pairs.length}
        step={5 * pairsAtOnce}
        onMore={() => setCount(count + 5 * pairsAtOnce)}
      />
    </section>
  );
}
