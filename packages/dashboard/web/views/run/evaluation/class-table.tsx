import { useState } from "preact/hooks";
import type { ClassesReply, ClassRow, ConfusionReply } from "../../../../src/evaluation-types.ts";
import { FilterField } from "../../../components/filter-field.tsx";
import { ScrollBox } from "../../../components/scroll-box.tsx";
import { ShowMore } from "../../../components/show-more.tsx";
import { useAnswer } from "../../../state/answer.ts";
import { param, setParams } from "../../../state/params.ts";
import { confusionTable } from "./confusion-table.ts";
import { IntervalText, type PartProps, Problem, titleOf } from "./part.tsx";
import { Samples } from "./samples.tsx";
import { evaluationPath, filterSamples, sampleFilter } from "./state.ts";

const sortParam = param("classcolumn", "f1");
const directionParam = param("classdirection");
const otherParam = param("against");
const classParam = param("class");

const rowsAtOnce = 100;

interface Column {
  readonly id: string;
  readonly title: string;
  readonly value: (row: ClassRow) => number;
  readonly cell: (row: ClassRow) => preact.ComponentChildren;
}

const countColumn = (id: string, title: string, value: (row: ClassRow) => number): Column => ({
  id,
  title,
  value,
  cell: (row) => value(row),
});

const shareColumn = (id: "precision" | "recall" | "f1", title: string): Column => ({
  id,
  title,
  value: (row) => row[id].value ?? Number.NaN,
  cell: (row) => <IntervalText interval={row[id]} />,
});

function columnsOf({ isMultilabel, classes }: ClassesReply): Column[] {
  const ap = classes.some((row) => row.ap !== undefined);
  return [
    countColumn("support", "Images", (row) => row.support),
    shareColumn("precision", "Precision"),
    shareColumn("recall", "Recall"),
    shareColumn("f1", "F1"),
    ...(isMultilabel
      ? [
          countColumn("tp", "Right", (row) => row.correct),
          countColumn("fp", "Too many", (row) => row.claimed - row.correct),
          countColumn("fn", "Missing", (row) => row.support - row.correct),
        ]
      : []),
    ...(ap ? [{ ...countColumn("ap", "AP", (row) => row.ap ?? Number.NaN), cell: apCell }] : []),
  ];
}

const apCell = ({ ap }: ClassRow) => (ap === undefined ? "" : ap.toFixed(3));

/** How each class fared, with 95% intervals; a class opens its images and confusions. */
export function ClassTable({ detail, evaluation, evaluations }: PartProps) {
  const [filter, setFilter] = useState("");
  const [count, setCount] = useState(rowsAtOnce);
  const { answer, error } = useAnswer<ClassesReply>(
    evaluationPath(detail.key, evaluation.id, "classes"),
    evaluation.version,
  );
  const other = evaluations.find(({ id }) => id === otherParam.value && id !== evaluation.id);
  const before = useAnswer<ClassesReply>(
    other === undefined ? undefined : evaluationPath(detail.key, other.id, "classes"),
    other?.version,
  );
  if (error !== "") return <Problem text={error} />;
  if (answer === undefined) return <p class="note">Reading ...</p>;
  const earlier = new Map(before.answer?.classes.map((row) => [row.name, row]));
  const change = (row: ClassRow) => {
    const was = earlier.get(row.name)?.f1.value;
    return was === null || was === undefined || row.f1.value === null ? Number.NaN : row.f1.value - was;
  };
  const columns = [
    ...columnsOf(answer),
    ...(other === undefined
      ? []
      : [{ id: "change", title: "F1 change", value: change, cell: (row: ClassRow) => <Change value={change(row)} /> }]),
  ];
  const rows = sorted(
    answer.classes.filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase())),
    columns,
  );
  const chosen = answer.classes.find(({ name }) => name === classParam.value);
  return (
    <>
      <div class="toolbar">
        <FilterField
          label="Filter the classes"
          placeholder="Filter classes"
          value={filter}
          onFilter={setFilter}
          count={`${rows.length} of ${answer.classes.length} classes`}
        />
        <label>
          Difference to{" "}
          <select value={other?.id ?? ""} onChange={(event) => otherParam.set(event.currentTarget.value)}>
            <option value="">none</option>
            {evaluations
              .filter(({ id }) => id !== evaluation.id)
              .map((one) => (
                <option key={one.id} value={one.id}>
                  {titleOf(one)}
                </option>
              ))}
          </select>
        </label>
      </div>
      {before.error !== "" && <Problem text={before.error} />}
      {chosen !== undefined && (
        <ClassPanel
          detail={detail}
          evaluation={evaluation}
          evaluations={evaluations}
          row={chosen}
          isMultilabel={answer.isMultilabel}
        />
      )}
      <ScrollBox label="Classes">
        <table class="class-report">
          <thead>
            <tr>
              <SortHead id="name" title="Class" />
              {columns.map(({ id, title }) => (
                <SortHead key={id} id={id} title={title} isNumber />
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, count).map((row) => (
              <tr key={row.name} class={row === chosen ? "chosen" : ""}>
                <th scope="row">
                  <button
                    type="button"
                    class="link class-name"
                    aria-expanded={row === chosen}
                    onClick={() =>
                      filterSamples(row === chosen ? {} : { true: row.name }, {
                        class: row === chosen ? undefined : row.name,
                      })
                    }
                  >
                    {row.name || "(no name)"}
                  </button>
                </th>
                {columns.map(({ id, cell }) => (
                  <td key={id} class="number">
                    {cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        <ShowMore shown={count} total={rows.length} step={rowsAtOnce} onMore={() => setCount(count + rowsAtOnce)} />
      </ScrollBox>
    </>
  );
}

function Change({ value }: { readonly value: number }) {
  if (!Number.isFinite(value)) return null;
  return (
    <span
      class={value < 0 ? "worse" : value > 0 ? "good" : ""}
    >{`${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`}</span>
  );
}

/** A heading that sorts: lowest first, and the other way round at the second click. */
function SortHead({ id, title, isNumber = false }: { id: string; title: string; isNumber?: boolean }) {
  const isSorted = sortParam.value === id;
  const isDown = directionParam.value === "down";
  const sort = () =>
    setParams({
      classcolumn: id === "f1" ? undefined : id,
      classdirection: isSorted && !isDown ? "down" : undefined,
    });
  return (
    <th
      scope="col"
      class={isNumber ? "number" : ""}
      aria-sort={isSorted ? (isDown ? "descending" : "ascending") : undefined}
    >
      <button type="button" class="sort" onClick={sort}>
        {title}
        <span aria-hidden="true">{isSorted ? (isDown ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

function sorted(rows: readonly ClassRow[], columns: readonly Column[]): readonly ClassRow[] {
  const isDown = directionParam.value === "down";
  const collator = new Intl.Collator("en", { numeric: true });
  const column = columns.find(({ id }) => id === sortParam.value);
  const ascending = [...rows].sort((a, b) => {
    if (column === undefined) return collator.compare(a.name, b.name);
    const [x, y] = [column.value(a), column.value(b)];
    // Classes that have no value come last, whatever the direction.
    if (Number.isNaN(x) || Number.isNaN(y))
      return (Number(Number.isNaN(x)) - Number(Number.isNaN(y))) * (isDown ? -1 : 1);
    return x - y || collator.compare(a.name, b.name);
  });
  return isDown ? ascending.reverse() : ascending;
}

interface ClassPanelProps extends PartProps {
  readonly row: ClassRow;
  readonly isMultilabel: boolean;
}

const confusionsShown = 8;

/** The images of a class, what it is taken for, and what is taken for it. */
function ClassPanel({ detail, evaluation, row, isMultilabel }: ClassPanelProps) {
  const { answer } = useAnswer<ConfusionReply>(
    isMultilabel ? undefined : evaluationPath(detail.key, evaluation.id, "confusion"),
    evaluation.version,
  );
  const { true: label, predicted } = sampleFilter();
  const filter = label === undefined && predicted === undefined ? { true: row.name } : sampleFilter();
  const table = answer && confusionTable(answer);
  const index = table?.names.indexOf(row.name) ?? -1;
  const others = (side: "row" | "column") =>
    (table?.pairs ?? [])
      .filter((pair) => pair[side] === index)
      .slice(0, confusionsShown)
      .map((pair) => ({ name: table?.names[side === "row" ? pair.column : pair.row] ?? "", count: pair.count }));
  return (
    <section class="class-panel" aria-label={`Class ${row.name}`}>
      <div class="toolbar">
        <h3>{row.name}</h3>
        <button type="button" onClick={() => filterSamples({ true: row.name })}>
          {`All ${row.support} images`}
        </button>
        <button type="button" onClick={() => filterSamples({}, { class: undefined })}>
          Close
        </button>
      </div>
      <Others
        title="Predicted as"
        others={others("row")}
        onOpen={(name) => filterSamples({ true: row.name, predicted: name })}
      />
      <Others
        title="Taken for it"
        others={others("column")}
        onOpen={(name) => filterSamples({ true: name, predicted: row.name })}
      />
      <Samples detail={detail} evaluation={evaluation} query={{ ...filter, order: "confident" }} />
    </section>
  );
}

interface OthersProps {
  readonly title: string;
  readonly others: readonly { readonly name: string; readonly count: number }[];
  readonly onOpen: (name: string) => void;
}

function Others({ title, others, onOpen }: OthersProps) {
  if (others.length === 0) return null;
  return (
    <p class="others">
      {`${title}: `}
      {others.map(({ name, count }) => (
        <button key={name} type="button" onClick={() => onOpen(name)}>
          {`${name} (${count})`}
        </button>
      ))}
    </p>
  );
}
