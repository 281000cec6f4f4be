import { useEffect, useState } from "preact/hooks";
import type { RunDetail } from "../../../src/api-types.ts";
import { Combobox } from "../../components/combobox.tsx";
import { lazily } from "../../components/lazy.tsx";
import { Status } from "../../components/status.tsx";
import { api, runPath } from "../../state/api.ts";
import { duration, shortNumber, timeText } from "../../state/format.ts";
import { param } from "../../state/params.ts";
import { listedRuns, nameOf } from "../../state/runs.ts";
import { selectedKeys } from "../../state/selection.ts";

const Paired = lazily(() => import("./paired.tsx").then((module) => module.Paired));

const aParam = param("a");
const bParam = param("b");
const allParam = param("all");

/** Two runs side by side: what differs in their configurations and results. */
export function CompareView() {
  const [first = "", second = ""] = [...selectedKeys.value, ...listedRuns.value.map(({ key }) => key)].filter(
    (key, i, all) => all.indexOf(key) === i,
  );
  const a = useDetail(aParam.value || first);
  const b = useDetail(bParam.value || (second === aParam.value ? first : second));
  const options = listedRuns.value.map((run) => ({ id: run.key, title: nameOf(run), about: run.key }));
  return (
    <div class="compare-view">
      <div class="toolbar">
        <Combobox label="Run A" options={options} value={a?.key ?? ""} onChoose={(key) => aParam.set(key)} />
        <Combobox label="Run B" options={options} value={b?.key ?? ""} onChoose={(key) => bParam.set(key)} />
        <label class="check">
          <input
            type="checkbox"
            checked={allParam.value !== ""}
            onChange={(event) => allParam.set(event.currentTarget.checked ? "1" : "")}
          />
          Equal values, too
        </label>
      </div>
      {a !== undefined && b !== undefined ? <Difference a={a} b={b} /> : <p class="note">Choose two runs.</p>}
    </div>
  );
}

function useDetail(key: string): RunDetail | undefined {
  const [detail, setDetail] = useState<RunDetail | undefined>();
  const version = listedRuns.value.find((run) => run.key === key)?.modifiedAt;
  useEffect(() => {
    let isCurrent = true;
    if (key === "") return undefined;
    api<RunDetail>(runPath(key)).then(
      (next) => isCurrent && setDetail(next),
      () => isCurrent && setDetail(undefined),
    );
    return () => {
      isCurrent = false;
    };
  }, [key, version]);
  return detail?.key === key ? detail : undefined;
}

interface Pair {
  readonly a: RunDetail;
  readonly b: RunDetail;
}

function Difference({ a, b }: Pair) {
  const isAll = allParam.value !== "";
  const rows = (left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>) =>
    [...new Set([...Object.keys(left), ...Object.keys(right)])]
      .sort()
      .map((name) => ({ name, left: left[name], right: right[name] }))
      .filter((row) => isAll || row.left !== row.right);
  const config = rows(a.values, b.values);
  const results = rows(resultsOf(a), resultsOf(b));
  return (
    <>
      <div class="pair">
        {[a, b].map((run, i) => (
          <p key={i === 0 ? "a" : "b"}>
            <strong>{`${i === 0 ? "A" : "B"}  ${nameOf(run)}`}</strong> <Status status={run.status} />{" "}
            <small>{timeText(Date.parse(run.startedAt))}</small>
          </p>
        ))}
      </div>
      <Paired a={a} b={b} />
      <DifferenceTable title="Configuration" rows={config} nothing="The configurations are equal." />
      <DifferenceTable title="Results" rows={results} nothing="The results are equal." />
    </>
  );
}

function resultsOf({ latest, best, monitor, startedAt, finishedAt, epoch }: RunDetail): Record<string, string> {
  const values = Object.entries(latest).map(([name, value]): [string, string] => [
    name,
    value === null ? "not finite" : shortNumber(value),
  ]);
  return {
    ...(best && { [`best ${monitor?.name ?? "value"}`]: shortNumber(best.value) }),
    ...(epoch !== undefined && { epochs: String(epoch + 1) }),
    ...(finishedAt !== undefined && { duration: duration((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000) }),
    ...Object.fromEntries(values),
  };
}

interface DifferenceTableProps {
  readonly title: string;
  readonly nothing: string;
  readonly rows: readonly {
    readonly name: string;
    readonly left: string | undefined;
    readonly right: string | undefined;
  }[];
}

function DifferenceTable({ title, rows, nothing }: DifferenceTableProps) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {rows.length === 0 ? (
        <p class="note">{nothing}</p>
      ) : (
        <table class="difference">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">A</th>
              <th scope="col">B</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, left, right }) => (
              <tr key={name} class={left === right ? "" : "differs"}>
                <th scope="row">{name}</th>
                <td>{left ?? <small>missing</small>}</td>
                <td>{right ?? <small>missing</small>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
